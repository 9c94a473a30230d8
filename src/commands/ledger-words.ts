import type { LedgerEntry } from '../ledger/ledger-entry.ts';

const SHOWN = 3;

/** A row of `history`: its number, when, how it ended, what changed, and what brought it. */
export function rowOf(entry: LedgerEntry): string {
  const { number, time, outcome, keys, keyCount, revision } = entry;
  const brought = keyCount === 0 ? '' : ` [${list(keys, keyCount)}${revisionOf(revision)}]`;
  return `${String(number).padStart(6)}  ${secondsOf(time)}  ${outcome.padEnd(LONGEST_OUTCOME)}  ${whatOf(entry)}${brought}`;
}

const LONGEST_OUTCOME = 10;

function whatOf({ changes, error, words, rollback, triggers }: LedgerEntry): string {
  const back = rollback === null ? '' : `(text of ${rollback}) `;
  const what =
    error ?? (changes.length > 0 ? list(changes, changes.length) : (words[0] ?? triggers.join(', ')));
  return `${back}${firstLine(what)}`;
}

/** An entry in full: which keys brought it, who, what changed and what was before, what was said, how long it took. */
export function describeEntry(entry: LedgerEntry, more: readonly (readonly [string, string])[] = []): string {
  const { number, time, outcome, keys, keyCount, revision, by, changes, reasons, words, error } = entry;
  const { triggers, ms, steps, hash, before, rollback, dropped, files } = entry;
  const took = Object.entries(steps).map(([step, of]) => `${step} ${Math.round(of)}`);
  const rows: readonly (readonly [string, string | null])[] = [
    ['when', `${time} (${spanOf(Date.now() - Date.parse(time))} ago)`],
    ['outcome', `${outcome} in ${Math.round(ms)} ms${took.length > 0 ? ` (${took.join(', ')})` : ''}`],
    ['rollback', rollback === null ? null : `the text of ${rollback} is put back`],
    ['error', error],
    ['keys', keyCount === 0 ? null : `${list(keys, keyCount, keys.length)}${revisionOf(revision)}`],
    [
      'by',
      by.length > 0
        ? by.join(', ')
        : keyCount === 0
          ? null
          : 'their values name nobody, and etcd keeps no author',
    ],
    ['why then', triggers.join(', ')],
    ...changes.map((one, at) => [at === 0 ? 'changed' : '', one] as const),
    ...reasons.map((one, at) => [at === 0 ? (outcome === 'runtime' ? 'how' : 'reload') : '', one] as const),
    ...words.map((one, at) => [at === 0 ? 'said' : '', one] as const),
    ['text', hash === null ? null : before === hash ? hash : `${before} -> ${hash}`],
    ...more,
    ['missing', dropped === 0 ? null : `${dropped} passes before this one could not be written down`],
  ];
  const lines = rows.flatMap(([label, text]) => (text === null || text === '' ? [] : [row(label, text)]));
  const diffs = files.flatMap(({ name, diff }) => (diff ? [`\n--- ${name}\n+++ ${name}\n${diff}`] : []));
  return `${number}\n${lines.join('\n')}\n${diffs.join('')}`;
}

function row(label: string, text: string): string {
  const [first = '', ...rest] = text.split('\n');
  return [`  ${label.padEnd(9)} ${first}`, ...rest.map((line) => `${' '.repeat(12)}${line}`)].join('\n');
}

function revisionOf(revision: string | null): string {
  return revision === null || revision === '0' ? '' : ` at revision ${revision}`;
}

function list(all: readonly string[], count: number, most = SHOWN): string {
  const shown = all.slice(0, most);
  const more = count - shown.length;
  return `${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}

function secondsOf(time: string): string {
  return `${time.slice(0, 10)} ${time.slice(11, 19)}Z`;
}

function spanOf(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 100) {
    return `${seconds} s`;
  }
  const minutes = Math.round(seconds / 60);
  return minutes < 100 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}
