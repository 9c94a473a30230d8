import type { StatusJson } from './status-json.ts';
import { counted, firstLine, shortList, span } from './words.ts';

/** Something that is wrong: what, and what to do about it. */
export interface Finding {
  /** One or two words: `rejected`, `held`, `paused`. */
  readonly label: string;
  /** What it is about: whether we serve at all, a pause, the configuration, where the keys come from, HAProxy and its servers, or what is written down. */
  readonly area: 'readiness' | 'pause' | 'configuration' | 'source' | 'health' | 'ledger';
  /** A sentence each, with the key and the cause; the first of `count`. */
  readonly items: readonly string[];
  readonly count: number;
  /** What a person does about it. */
  readonly toDo: string;
}

/** So many keys or units of a kind are named. */
const SHOWN = 10;

/** All in one sentence or two. */
export function sentence(status: StatusJson): string {
  const { lastApply } = status;
  return `${serving(status)} ${
    lastApply
      ? `Last change ${span(lastApply.ageSeconds)} ago${lastChange(lastApply)}`
      : 'Nothing was changed yet.'
  }`;
}

/** What is served, in a sentence. */
export function serving({ counts, missing }: Pick<StatusJson, 'counts' | 'missing'>): string {
  const what = `${counted(counts.instances, 'instance')} of ${counted(counts.services, 'service')}`;
  return missing.length === 0 ? `Serving ${what}.` : `NOT READY with ${what}.`;
}

/** What the last change was, as it goes on after `Last change 12 s ago`. */
export function lastChange({
  changes,
  outcome,
  ms,
  liveMs,
}: Pick<StatusJson['passes'][number], 'changes' | 'outcome' | 'ms' | 'liveMs'>): string {
  const words = changes.length > 0 ? `: ${shortList(changes, 3)}` : '';
  const how = outcome === 'runtime' ? 'without a reload' : outcome;
  const took = liveMs === null ? `in ${Math.round(ms)} ms` : `live in ${Math.round(liveMs)} ms`;
  return `${words}, ${how}, ${took}.`;
}

/** What is wrong, the worst first; empty where nothing is to be done. */
export function findingsIn(status: StatusJson): readonly Finding[] {
  const { missing, paused, rollback, sources, template, judge } = status;
  const failing = [failingPass(status) ?? []].flat();
  return [
    ...missing.map((what) => one('readiness', 'not ready', what, toDoUntil(status))),
    ...(paused
      ? [
          one(
            'pause',
            'paused',
            `until ${paused.until} by ${paused.by}`,
            'pointsman resume ends it; that of the fleet ends with its key',
          ),
        ]
      : []),
    ...(rollback ? [rolledBack(rollback)] : []),
    ...failing.map((pass) =>
      one(
        'configuration',
        pass.outcome,
        `${firstLine(pass.error ?? '')}${broughtBy(pass)}`,
        'HAProxy goes on with what it has; it is tried again',
      ),
    ),
    ...(template.error === null
      ? []
      : [
          one(
            'configuration',
            'template',
            firstLine(template.error),
            `mend ${template.path}; pointsman render --dry-run --validate tries it`,
          ),
        ]),
    ...settingsFindings(status.settings),
    ...sources
      .filter(({ state }) => state !== 'live')
      .map(({ name, state, error }) =>
        one(
          'source',
          state,
          `${name}${error === null ? '' : `: ${error}`}`,
          'what was read last is served; pointsman check asks it',
        ),
      ),
    ...(judge.trouble === null
      ? []
      : [one('health', 'version', judge.trouble, 'see haproxy.binary of the settings')]),
    ...each(
      status.quarantined.filter(({ local }) => !local),
      'set aside',
      (unit) => [asideWords(unit), 'mend or delete the key'],
    ),
    ...each(
      status.quarantined.filter(({ local }) => local),
      'set aside',
      (unit) => [
        asideWords(unit),
        'end what holds the port (ss -ltnp names it), or give the route another; it is tried again by itself',
      ],
    ),
    ...each(status.kept, 'kept', ({ key, form, reason }) => [
      `${key} keeps "${form}": ${reason}`,
      'mend or delete the key',
    ]),
    ...each(status.held, 'held', ({ key, rule, secondsLeft }) => [
      `${key} went from its source (${rule}) and is served ${secondsLeft === null ? 'until it is back' : `for another ${span(secondsLeft)}`}`,
      'register it again, or pointsman release where it is meant',
    ]),
    ...each(status.rejected, 'rejected', ({ key, reason, other }) => [
      `${key}: ${reason}${other === undefined ? '' : `: ${other}`}`,
      'mend or delete the key',
    ]),
    ...(status.ledgerError === null
      ? []
      : [
          one(
            'ledger',
            'ledger',
            `what happens cannot be written down: ${firstLine(status.ledgerError)}`,
            'make room there, or let us write; changes go out all the same',
          ),
        ]),
  ];
}

function rolledBack(rollback: NonNullable<StatusJson['rollback']>): Finding {
  const { number, mode, since, until, by, emptied, absent, leftOut } = rollback;
  const how = mode === 'exact' ? 'as it was' : "with today's servers";
  const end = until === null ? '' : ` until ${until}`;
  const names = [
    ['without servers now', emptied],
    ['not there', absent],
    ['left out, since others have their addresses', leftOut],
  ] as const;
  const what = `to the text of entry ${number}, ${how}, since ${since}${end} by ${by}: routes, templates and settings wait`;
  const toDo = `pointsman resume ends it; pointsman history show ${number} has that entry`;
  const more = names.flatMap(([label, all]) =>
    all.length > 0 ? [`${label}: ${shortList(all, SHOWN)}`] : [],
  );
  return {
    ...one('configuration', 'rolled back', what, toDo),
    items: [what, ...more],
    count: 1 + more.length,
  };
}

function settingsFindings({ path, error, restart }: StatusJson['settings']): readonly Finding[] {
  const where = path ?? 'the settings';
  return [
    ...(error === null
      ? []
      : [one('configuration', 'settings', firstLine(error), `mend ${where}: what it said before holds`)]),
    ...(restart.length === 0
      ? []
      : [
          one(
            'configuration',
            'restart',
            `changed in ${where}: ${shortList(restart, SHOWN)}`,
            'restart Pointsman for it',
          ),
        ]),
  ];
}

/** The last pass where changes do not go out: it failed, and not because a person or a source is waited for. */
export function failingPass({ lastPass }: Pick<StatusJson, 'lastPass'>): StatusJson['lastPass'] {
  const isFailing = lastPass?.error && lastPass.outcome !== 'paused' && lastPass.outcome !== 'waiting';
  return isFailing ? lastPass : null;
}

/** What to do where HAProxy does not run a verified configuration. */
function toDoUntil({ haproxy, applied, mode }: StatusJson): string {
  if (haproxy.state === 'away') {
    return mode === 'managed'
      ? 'it is started again by itself; what it says is in the log'
      : 'start HAProxy: it loads the file as it lies there; pointsman check says where it is looked for';
  }
  return applied.kind === 'unknown'
    ? 'HAProxy is left as it is until then'
    : 'it is loaded anew by itself; pointsman pause first, where a person had it load something else';
}

function asideWords({ unit, keys, reason, instead, local }: StatusJson['quarantined'][number]): string {
  const where = local ? ', on this host alone' : '';
  return `${unit} (${keys.join(', ')}; ${instead} stands in its place${where}): ${reason}`;
}

/** Which keys brought it, at which revision. */
export function broughtBy({
  came: { keys, count, revision },
}: Pick<StatusJson['passes'][number], 'came'>): string {
  const at = revision === null ? '' : ` at revision ${revision}`;
  return count === 0 ? '' : ` [${shortList(keys, 3, count)}${at}]`;
}

function one(area: Finding['area'], label: string, what: string, toDo: string): Finding {
  return { label, area, items: [what], count: 1, toDo };
}

/** One finding of all of a kind; what to do is said once. */
function each<T>(
  all: readonly T[],
  label: string,
  say: (one: T) => readonly [string, string],
): readonly Finding[] {
  const [first] = all;
  return first === undefined
    ? []
    : [
        {
          label,
          area: 'configuration',
          items: all.slice(0, SHOWN).map((item) => say(item)[0]),
          count: all.length,
          toDo: say(first)[1],
        },
      ];
}
