import { inheritedBy } from './inherited.ts';
import { isNamed } from './named-servers.ts';
import { NO_OTHER_FILES, type OtherFiles } from './other-files.ts';
import { nextPicture, type Picture, type Step, sectionLines, sectionText, takePicture } from './picture.ts';
import type { Plan, Reason, ServerCommand } from './plan.ts';
import { readProxy } from './proxy.ts';
import { Reasons } from './reasons.ts';
import { abilitiesOf, type RuntimeAbilities, runtimeAbilities } from './runtime-version.ts';
import { diffLines, sameLines } from './section-diff.ts';
import type { Line } from './section-lines.ts';
import { pairSections, type SectionPair } from './section-pairs.ts';
import { diffServers, type ServerChanges } from './server-diff.ts';

/** What a plan depends on besides the texts. */
export interface PlanOptions {
  /** Of the HAProxy that runs: `2.6`, `3.0.11-1+deb13u5`. Null where it is not known: every change is a reload. */
  readonly version: string | null;
  /** More commands than this in one plan: a reload is cheaper. @default 1000 */
  readonly maxCommands?: number;
  /** What HAProxy loads beside this text. @default nothing */
  readonly otherFiles?: OtherFiles;
}

/** Plans from one text to another. Pure; see `Planner` for many plans from the same text. */
export function plan(runningText: string, newText: string, options: PlanOptions): Plan {
  return new Planner(runningText, options).plan(newText);
}

const PROXIES = new Set(['backend', 'listen']);
/** What a diff of two texts depends on. */
interface Context {
  readonly abilities: RuntimeAbilities;
  /** The files that are loaded before ours, and all others: names of servers may stand anywhere. */
  readonly before: readonly Picture[];
  readonly others: readonly Picture[];
}

/** Everything is possible, so that only reasons of the texts are found. */
const ALL_ABILITIES: RuntimeAbilities = abilitiesOf(Number.POSITIVE_INFINITY);

/**
 * Plans from the text that HAProxy runs to new ones. It remembers where the sections of the running text are, so
 * that a plan costs what the change costs, and not what the text does. Texts are without the mark.
 */
export class Planner {
  readonly #options: PlanOptions;
  readonly #abilities: RuntimeAbilities | null;
  readonly #context: Context;
  #running: Picture;
  #planned: Picture | null = null;

  constructor(runningText: string, options: PlanOptions) {
    this.#options = options;
    this.#abilities = options.version === null ? null : runtimeAbilities(options.version);
    this.#context = contextOf(this.#abilities ?? ALL_ABILITIES, options.otherFiles ?? NO_OTHER_FILES);
    this.#running = takePicture(runningText);
  }

  /** The text that HAProxy runs, as this knows it. */
  get text(): string {
    return this.#running.text;
  }

  /** What it takes to run `newText`. Changes nothing here. */
  plan(newText: string): Plan {
    if (newText === this.#running.text) {
      return { kind: 'unchanged' };
    }
    const step = nextPicture(this.#running, newText);
    this.#planned = step.next;
    return this.#judge(step);
  }

  /**
   * Of a text that needs a reload, what can be done without: the running text with those of its sections that only
   * differ in servers. Null where there is nothing of the kind.
   */
  partOf(newText: string): { readonly text: string; readonly commands: readonly ServerCommand[] } | null {
    const step = nextPicture(this.#running, newText);
    const text = partOf(this.#running, step, this.#context);
    if (text === this.#running.text) {
      return null;
    }
    const plan = this.plan(text);
    return plan.kind === 'runtime' ? { text, commands: plan.commands } : null;
  }

  /** HAProxy runs this text now. */
  moveTo(newText: string): void {
    const known = this.#planned?.text === newText ? this.#planned : null;
    this.#running = known ?? nextPicture(this.#running, newText).next;
    this.#planned = null;
  }

  #judge(step: Step): Plan {
    const { reasons, changes } = diff(this.#running, step, this.#context);
    const commands = [
      ...changes.flatMap(({ adds }) => adds),
      ...changes.flatMap(({ changes: inPlace }) => inPlace),
      ...changes.flatMap(({ removes }) => removes),
    ];
    if (reasons.count === 0 && commands.length === 0) {
      return { kind: 'unchanged' };
    }
    const all = new Reasons();
    all.add(this.#generalReasons(commands));
    all.join(reasons);
    if (all.count === 0) {
      return { kind: 'runtime', commands };
    }
    return { kind: 'reload', reasons: all.first, more: all.more };
  }

  #generalReasons(commands: readonly ServerCommand[]): Reason[] {
    const { version, maxCommands = 1000, otherFiles } = this.#options;
    const messages: string[] = [];
    if (!this.#abilities) {
      messages.push(`HAProxy ${version ?? 'of unknown version'} cannot change servers while it runs`);
    }
    if (commands.length > maxCommands) {
      messages.push(`${commands.length} commands in one pass are more than ${maxCommands}`);
    }
    if (otherFiles?.kind === 'unread') {
      messages.push(otherFiles.why);
    }
    return messages.map((message) => ({ about: 'anything', message, section: null, line: null, of: 'new' }));
  }
}

function contextOf(abilities: RuntimeAbilities, files: OtherFiles): Context {
  if (files.kind === 'unread') {
    return { abilities, before: [], others: [] };
  }
  const [before, after] = [files.before.map(takePicture), files.after.map(takePicture)];
  return { abilities, before, others: [...before, ...after] };
}

function diff(old: Picture, step: Step, context: Context): { reasons: Reasons; changes: ServerChanges[] } {
  const { pairs, reasons } = pairSections(old, step);
  const changes: ServerChanges[] = [];
  for (const pair of pairs) {
    const found = diffPair(old, step.next, pair, context);
    reasons.join(found.reasons);
    if (found.changes) {
      changes.push(found.changes);
    }
  }
  return { reasons, changes };
}

function diffPair(
  old: Picture,
  next: Picture,
  pair: SectionPair,
  { abilities, before: filesBefore, others }: Context,
): { readonly reasons: Reasons; readonly changes?: ServerChanges } {
  if (sectionText(old, pair.old) === sectionText(next, pair.next)) {
    return { reasons: new Reasons() };
  }
  const before = sectionLines(old, pair.old);
  const after = sectionLines(next, pair.next);
  if (!PROXIES.has(next.sections[pair.next]?.kind ?? '')) {
    return { reasons: diffLines(before, after, { before: before.body, after: after.body }) };
  }
  const lines = { before: readProxy(before).others, after: readProxy(after).others };
  const reasons = diffLines(before, after, lines);
  // Otherwise each of its servers would be another reason.
  if (!sameLines(defaultServers(lines.before), defaultServers(lines.after))) {
    return { reasons };
  }
  const place = { picture: next, index: pair.next, header: after.header };
  const inherited = inheritedBy(place, filesBefore);
  const named = (server: string) => isNamed([next, ...others], after, server);
  const changes = diffServers({ before, after, inherited, abilities, isNamed: named });
  reasons.add(changes.reasons);
  return { reasons, changes };
}

function partOf(old: Picture, step: Step, context: Context): string {
  const { next } = step;
  const parts: string[] = [];
  let from = 0;
  for (const pair of pairSections(old, step).pairs.toSorted((a, b) => a.old - b.old)) {
    const { reasons, changes } = diffPair(old, next, pair, context);
    if (reasons.count > 0 || !changes) {
      continue;
    }
    const text = sectionText(old, pair.old);
    const start = old.sections[pair.old]?.start ?? old.text.length;
    parts.push(old.text.slice(from, start), sectionText(next, pair.next));
    from = start + text.length;
  }
  return from === 0 ? old.text : [...parts, old.text.slice(from)].join('');
}

function defaultServers(lines: readonly Line[]): readonly Line[] {
  return lines.filter(({ words }) => words[0] === 'default-server');
}
