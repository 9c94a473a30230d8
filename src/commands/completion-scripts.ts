import type { Completed, CompletedFlag, CompletedVerb, Values } from './completion-model.ts';

/** The shells that there is a completion for. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const;
/** One of `SHELLS`. */
export type Shell = (typeof SHELLS)[number];

/** The script that has a shell complete the program. */
export function completionScript(shell: Shell, completed: Completed): string {
  return { bash, zsh, fish }[shell](completed);
}

/** For bash 4 and later; it needs nothing of the bash-completion package. */
function bash({ program, verbs }: Completed): string {
  const all = [program, ...verbs];
  return `# bash completion of pointsman: source <(pointsman completion bash)
_pointsman() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]} verb= flags= i
  COMPREPLY=()
  # To bash --flag=value is three words.
  if [[ $cur == = ]]; then
    cur=
  elif [[ $prev == = ]]; then
    prev=\${COMP_WORDS[COMP_CWORD - 2]}
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    case \${COMP_WORDS[i]} in
      ${bashFlags(program.flags.filter(({ value }) => value !== null))})
        [[ \${COMP_WORDS[i + 1]} == = ]] && ((i++))
        ((i++))
        ;;
      -* | =) ;;
      *)
        verb=\${COMP_WORDS[i]}
        break
        ;;
    esac
  done
  case "$verb $prev" in
${all.flatMap((verb) => verb.flags.flatMap((flag) => bashValue(verb === program ? '' : verb.name, flag))).join('\n')}
  esac
  case $verb in
${all.map((verb) => bashVerb(verb === program ? "''" : verb.name, verb)).join('\n')}
  esac
  if [[ $cur == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$flags" -- "$cur")
  fi
}
complete -o filenames -F _pointsman pointsman
`;
}

function bashFlags(flags: readonly CompletedFlag[], before = ''): string {
  return flags
    .flatMap(({ short, long }) => [...(short === null ? [] : [short]), long])
    .map((name) => (before === '' ? name : `'${before}${name}'`))
    .join(' | ');
}

function bashValue(verb: string, flag: CompletedFlag): string[] {
  if (flag.value === null) {
    return [];
  }
  return [
    `    ${bashFlags([flag], `${verb} `)})`,
    ...bashReply(flag.value).map((line) => `      ${line}`),
    '      return',
    '      ;;',
  ];
}

function bashVerb(pattern: string, { flags, values: [first] }: CompletedVerb): string {
  const names = flags.flatMap(({ short, long }) => [...(short === null ? [] : [short]), long]);
  const reply = first === undefined ? [] : bashReply(first);
  const lines = [
    `flags='${names.join(' ')}'`,
    ...(reply.length === 0 ? [] : [`[[ $cur == -* ]] || ${reply.join('')}`]),
  ];
  return [`    ${pattern})`, ...lines.map((line) => `      ${line}`), '      ;;'].join('\n');
}

function bashReply(values: Values): string[] {
  switch (values.kind) {
    case 'words':
      return [`mapfile -t COMPREPLY < <(compgen -W '${values.words.join(' ')}' -- "$cur")`];
    case 'files':
      return ['mapfile -t COMPREPLY < <(compgen -f -- "$cur")'];
    case 'folders':
      return ['mapfile -t COMPREPLY < <(compgen -d -- "$cur")'];
    default:
      return [];
  }
}

/** Works from a folder of `fpath` as `_pointsman`, and where it is sourced. */
function zsh({ program, verbs }: Completed): string {
  return `#compdef pointsman
# zsh completion of pointsman: source <(pointsman completion zsh)
_pointsman() {
  local curcontext=$curcontext state line
  typeset -A opt_args
  _arguments -C \\
${zshSpecs(program.flags)}    '1: :->verb' \\
    '*:: :->rest'
  case $state in
    verb)
      local -a verbs=(
${verbs.map(({ name, description }) => `        ${zshQuoted(`${name}:${description}`)}`).join('\n')}
      )
      _describe verb verbs
      ;;
    rest)
      case $words[1] in
${verbs.map(zshVerb).join('\n')}
      esac
      ;;
  esac
}
if [[ $funcstack[1] == _pointsman ]]; then
  _pointsman "$@"
else
  compdef _pointsman pointsman
fi
`;
}

function zshVerb({ name, flags, values }: CompletedVerb): string {
  const positional = values.map((one, at) => `    ${zshQuoted(`${at + 1}:${zshAction(one)}`)} \\\n`).join('');
  const specs = `${zshSpecs(flags)}${positional}`.replaceAll(/^/gm, '      ').trimEnd().replace(/ \\$/, '');
  const lines = specs.trim() === '' ? [] : [`          _arguments \\`, specs];
  return [`        ${name})`, ...lines, '          ;;'].join('\n');
}

/** A line for each flag, which ends in a backslash. */
function zshSpecs(flags: readonly CompletedFlag[]): string {
  return flags
    .map(({ short, long, description, value, repeats }) => {
      const names = short === null ? long : `{${short},${long}}`;
      const others = repeats ? '*' : short === null ? '' : `(${short} ${long})`;
      const takes = value === null ? '' : `:${zshAction(value)}`;
      const rest = zshQuoted(`[${description.replaceAll(/[[\]]/g, '\\$&')}]${takes}`);
      return `    ${others === '' ? '' : `'${others}'`}${names}${rest} \\\n`;
    })
    .join('');
}

function zshAction(values: Values): string {
  switch (values.kind) {
    case 'words':
      return `value:(${values.words.join(' ')})`;
    case 'files':
      return 'file:_files';
    case 'folders':
      return 'folder:_files -/';
    default:
      return `${values.what.replaceAll(':', '\\:')}: `;
  }
}

function zshQuoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function fish({ program, verbs }: Completed): string {
  const quoted = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
  const takes = (value: Values) => {
    switch (value.kind) {
      case 'words':
        return ` -x -a ${quoted(value.words.join(' '))}`;
      case 'files':
        return ' -r -F';
      case 'folders':
        return " -x -a '(__fish_complete_directories)'";
      default:
        return ' -x';
    }
  };
  const flags = (condition: string, of: CompletedVerb) =>
    of.flags.map(
      ({ short, long, description, value }) =>
        `complete -c pointsman -n ${quoted(condition)}${short === null ? '' : ` -s ${short.slice(1)}`} -l ${long.slice(2)}${value === null ? '' : takes(value)} -d ${quoted(description)}`,
    );
  const before = `not __fish_seen_subcommand_from ${verbs.map(({ name }) => name).join(' ')}`;
  return `# fish completion of pointsman: pointsman completion fish | source
complete -c pointsman -f
${[
  ...flags(before, program),
  ...verbs.map(
    ({ name, description }) =>
      `complete -c pointsman -n ${quoted(before)} -a ${name} -d ${quoted(description)}`,
  ),
  ...verbs.flatMap((verb) => {
    const condition = `__fish_seen_subcommand_from ${verb.name}`;
    const first = verb.values[0];
    return [
      ...flags(condition, verb),
      ...(first === undefined || first.kind === 'other'
        ? []
        : [`complete -c pointsman -n ${quoted(condition)}${takes(first).replace(' -r', '')}`]),
    ];
  }),
].join('\n')}
`;
}
