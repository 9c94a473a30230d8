import type { Argument, Command, Option } from 'commander';

/** What may stand where a flag or a verb takes a value. */
export type Values =
  | { readonly kind: 'words'; readonly words: readonly string[] }
  | { readonly kind: 'files' }
  | { readonly kind: 'folders' }
  /** Whatever it is, no shell knows it: `<duration>`. */
  | { readonly kind: 'other'; readonly what: string };

/** A flag as a shell completes it. */
export interface CompletedFlag {
  /** `--config`. */
  readonly long: string;
  /** `-c`, or null. */
  readonly short: string | null;
  readonly description: string;
  /** Null where it takes none. */
  readonly value: Values | null;
  readonly repeats: boolean;
}

/** A verb, or the program before one, as a shell completes it. */
export interface CompletedVerb {
  readonly name: string;
  readonly description: string;
  readonly flags: readonly CompletedFlag[];
  /** What it takes besides flags. */
  readonly values: readonly Values[];
}

/** All that a shell completes. */
export interface Completed {
  readonly program: CompletedVerb;
  readonly verbs: readonly CompletedVerb[];
}

/** What commander knows of the program, so that no completion says anything else. */
export function completedOf(program: Command): Completed {
  const verbs = program.createHelp().visibleCommands(program);
  const names = verbs.map((command) => command.name());
  return {
    program: { ...verbOf(program), values: [{ kind: 'words', words: names }] },
    verbs: verbs.map((command) =>
      command.name() === 'help'
        ? { ...verbOf(command), flags: [], values: [{ kind: 'words', words: names }] }
        : verbOf(command),
    ),
  };
}

function verbOf(command: Command): CompletedVerb {
  return {
    name: command.name(),
    description: command.description(),
    flags: command
      .createHelp()
      .visibleOptions(command)
      .flatMap((option) => flagOf(option)),
    values: command.registeredArguments.map((argument) => argumentValues(argument)),
  };
}

function flagOf(option: Option): CompletedFlag[] {
  const { long, short, flags, description, argChoices, required, optional } = option;
  if (!long) {
    return [];
  }
  const placeholder = /[<[](.+)[>\]]/.exec(flags)?.[1] ?? 'value';
  return [
    {
      long,
      short: short ?? null,
      description,
      value: required || optional ? valuesOf(placeholder, argChoices) : null,
      repeats: Array.isArray(option.defaultValue),
    },
  ];
}

function argumentValues(argument: Argument): Values {
  return valuesOf(argument.name(), argument.argChoices);
}

function valuesOf(placeholder: string, choices: readonly string[] | undefined): Values {
  if (choices) {
    return { kind: 'words', words: choices };
  }
  if (placeholder === 'dir') {
    return { kind: 'folders' };
  }
  const isFile = placeholder.split('|').includes('file') || placeholder.startsWith('command');
  return isFile ? { kind: 'files' } : { kind: 'other', what: placeholder };
}
