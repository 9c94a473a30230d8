import type { StatusJson } from './status-json.ts';

/** What a person is shown. */
export interface Screen {
  /** Whether nothing is to be done. */
  readonly well: boolean;
  readonly text: string;
}

/** So many keys or units of a kind are named. */
const SHOWN = 10;
const PASSES = 5;
const LABEL = 11;

/** The status on one screen: a sentence, what is wrong with its cause and what to do, then the figures. */
export function screenOf(status: StatusJson): Screen {
  const wrong = troublesIn(status);
  const { version, mode, uptimeSeconds, applied, pending, ahead, target, template, lastError } = status;
  const figures = [
    row('daemon', `pointsman ${version}, ${mode}, for ${span(uptimeSeconds)}`),
    ...status.sources.map((one) => row('source', sourceLine(one))),
    row('HAProxy', haproxyLine(status)),
    row('file', `${target}, by ${template.path}`),
    row(
      'applied',
      `${appliedWords(applied)}${ahead ? `, the file is ${span(ahead.ageSeconds)} behind` : ''}`,
    ),
    row('pending', pending === null ? 'nothing' : `${pending}`),
    ...status.setByHand.map((one) =>
      row(
        'by hand',
        `${one.backend}/${one.server} ${one.admin ?? `weight ${one.weight}`} for ${span(one.ageSeconds)}`,
      ),
    ),
    ...status.passes
      .slice(-PASSES)
      .reverse()
      .map((one) => row('pass', passLine(one))),
    ...(lastError
      ? [row('last error', `${span(lastError.ageSeconds)} ago: ${firstLine(lastError.message)}`)]
      : []),
  ];
  const blocks = [[sentence(status)], wrong, figures].filter((block) => block.length > 0);
  return { well: wrong.length === 0, text: `${blocks.map((block) => block.join('\n')).join('\n\n')}\n` };
}

/** All in one sentence or two. */
export function sentence({ counts, missing, lastApply }: StatusJson): string {
  const what = `${counted(counts.instances, 'instance')} of ${counted(counts.services, 'service')}`;
  const serving = missing.length === 0 ? `Serving ${what}.` : `NOT READY with ${what}.`;
  if (!lastApply) {
    return `${serving} Nothing was changed yet.`;
  }
  const { ageSeconds, changes, outcome, ms } = lastApply;
  const words = changes.length > 0 ? `: ${shortList(changes, 3)}` : '';
  const how = outcome === 'runtime' ? 'without a reload' : outcome;
  return `${serving} Last change ${span(ageSeconds)} ago${words}, ${how}, in ${Math.round(ms)} ms.`;
}

/** The last pass where changes do not go out: it failed, and not because a person or a source is waited for. */
export function failingPass({ lastPass }: Pick<StatusJson, 'lastPass'>): StatusJson['lastPass'] {
  const isFailing = lastPass?.error && lastPass.outcome !== 'paused' && lastPass.outcome !== 'waiting';
  return isFailing ? lastPass : null;
}

function troublesIn(status: StatusJson): readonly string[] {
  const { missing, paused, sources, template, judge } = status;
  const failing = [failingPass(status) ?? []].flat();
  return [
    ...missing.map((what) => trouble('not ready', what, 'HAProxy is left as it is until then')),
    ...(paused
      ? [
          trouble(
            'paused',
            `until ${paused.until} by ${paused.by}`,
            'pointsman resume ends it; that of the fleet ends with its key',
          ),
        ]
      : []),
    ...failing.map((pass) =>
      trouble(
        pass.outcome,
        `${firstLine(pass.error ?? '')}${broughtBy(pass)}`,
        'HAProxy goes on with what it has; it is tried again',
      ),
    ),
    ...(template.error === null
      ? []
      : [trouble('template', firstLine(template.error), `mend ${template.path}`)]),
    ...settingsTroubles(status.settings),
    ...sources
      .filter(({ state }) => state !== 'live')
      .map(({ name, state, error }) =>
        trouble(
          state,
          `${name}${error === null ? '' : `: ${error}`}`,
          'what was read last is served; pointsman check asks it',
        ),
      ),
    ...(judge.trouble === null
      ? []
      : [trouble('version', judge.trouble, 'see haproxy.binary of the settings')]),
    ...each(status.quarantined, 'set aside', ({ unit, keys, reason, instead }) => [
      `${unit} (${keys.join(', ')}; ${instead} stands in its place): ${reason}`,
      'mend or delete the key',
    ]),
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
  ];
}

function settingsTroubles({ path, error, restart }: StatusJson['settings']): readonly string[] {
  const where = path ?? 'the settings';
  return [
    ...(error === null
      ? []
      : [trouble('settings', firstLine(error), `mend ${where}: what it said before holds`)]),
    ...(restart.length === 0
      ? []
      : [
          trouble('restart', `changed in ${where}: ${shortList(restart, SHOWN)}`, 'restart Pointsman for it'),
        ]),
  ];
}

/** A line for each of the first, and one for the others; what to do is said once. */
function each<T>(
  all: readonly T[],
  label: string,
  say: (one: T) => readonly [string, string],
): readonly string[] {
  const lines = all.slice(0, SHOWN).map((one) => row(label, say(one)[0], '!'));
  const [first] = all;
  const more = all.length > SHOWN ? [row(label, `and ${all.length - SHOWN} more`, '!')] : [];
  return first === undefined ? [] : [...lines, ...more, row('', `-> ${say(first)[1]}`)];
}

function trouble(label: string, what: string, toDo: string): string {
  return `${row(label, what, '!')}\n${row('', `-> ${toDo}`)}`;
}

function row(label: string, text: string, sign = ' '): string {
  return `${sign} ${label.padEnd(LABEL)}  ${text}`;
}

function sourceLine({
  name,
  state,
  stateAgeSeconds,
  keys,
  revision,
  dataAgeSeconds,
}: StatusJson['sources'][number]): string {
  const data =
    dataAgeSeconds === null
      ? 'gave nothing yet'
      : `${counted(keys, 'key')}, the last data ${span(dataAgeSeconds)} ago`;
  const at = revision === null || revision === '0' ? '' : ` at revision ${revision}`;
  return `${name}: ${state} for ${span(stateAgeSeconds)}, ${data}${at}`;
}

function haproxyLine({ haproxy }: StatusJson): string {
  switch (haproxy.state) {
    case 'unknown':
      return 'was not asked yet';
    case 'away':
      return `away for ${span(haproxy.ageSeconds)}: ${haproxy.cause}`;
    case 'unseen':
      return `there${haproxy.pid === undefined ? '' : ` (pid ${haproxy.pid})`}, and cannot be asked`;
    default: {
      const old = haproxy.oldWorkers ? `, ${counted(haproxy.oldWorkers, 'old worker')}` : '';
      return `${haproxy.version ?? 'of an unknown version'} (pid ${haproxy.pid}), for ${span(haproxy.ageSeconds)}${old}`;
    }
  }
}

function appliedWords(applied: StatusJson['applied']): string {
  switch (applied.kind) {
    case 'verified':
      return `${applied.hash}, which HAProxy says that it runs`;
    case 'unverified':
      return `${applied.hash}; HAProxy was told, and cannot be asked`;
    case 'file':
      return `${applied.hash}; the file is all there is`;
    default:
      return 'not known';
  }
}

type Pass = StatusJson['passes'][number];

function passLine(pass: Pass): string {
  const { at, outcome, ms, changes, error } = pass;
  const what = changes.length > 0 ? `: ${shortList(changes, 3)}` : '';
  return `${at.slice(11, 19)}Z ${outcome} in ${Math.round(ms)} ms${what}${error === null ? '' : `: ${firstLine(error)}`}${broughtBy(pass)}`;
}

/** Which keys brought a pass, for people: ` [/services/shop/s5 at revision 41]`. */
export function broughtBy({ came: { keys, count, revision } }: Pick<Pass, 'came'>): string {
  const at = revision === null ? '' : ` at revision ${revision}`;
  return count === 0 ? '' : ` [${shortList(keys, 3, count)}${at}]`;
}

function shortList(all: readonly string[], most: number, count = all.length): string {
  const more = count - Math.min(all.length, most);
  return `${all.slice(0, most).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

/** How long something takes or is ago: `12 s`, `4 min`, `3 h`, `2 d`. */
export function span(seconds: number): string {
  const [value, unit] =
    seconds < 100
      ? [seconds, 's']
      : seconds < 6_000
        ? [seconds / 60, 'min']
        : seconds < 172_800
          ? [seconds / 3_600, 'h']
          : [seconds / 86_400, 'd'];
  return `${Math.round(Number(value))} ${unit}`;
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}
