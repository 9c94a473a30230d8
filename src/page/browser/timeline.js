// What happened: the newest entries of the ledger, and one of them with its diff.

import { counted } from '../../status/words.ts';
import { asked, writeAddress } from './address.js';
import { badge, fact, find, flash, make } from './elements.js';
import { age, clock, took } from './times.js';

/**
 * @typedef {{ at: number, outcome: string, ms: number, what: string, failed: boolean }} Entry
 * @typedef {{ number: number, time: string, outcome: string, revision: string | null, keys: string[], keyCount: number, by: string[],
 *   changes: string[], triggers: string[], reasons: string[], words: string[], error: string | null, ms: number,
 *   steps: Record<string, number>, files: { name: string, added: number, removed: number, diff: string | null }[],
 *   rollback: number | null }} WholeEntry
 */

const MORE = 20;
/** So many lines of a diff are shown. */
const MOST_LINES = 2_000;

const list = find('passes', HTMLElement);
const none = find('no-passes', HTMLElement);
const older = find('older', HTMLButtonElement);

/** By number. @type {Map<number, Entry>} */
const entries = new Map();
/** @type {Map<number, { item: HTMLElement, details: HTMLDetailsElement, inside: HTMLElement, whole: WholeEntry | null }>} */
const rows = new Map();
/** Who may see diffs, and how others get there. */
const reader = { mayRead: false, hasToken: false, socket: /** @type {string | null} */ (null) };
let isBegun = false;
/** Entries that the address asked for, and that were looked for. @type {Set<number>} */
const sought = new Set();
/** The ledger has none that are older. */
let isAll = false;

/** @param {number} number @param {Entry | undefined} entry */
export function takeEntry(number, entry) {
  if (entry === undefined) {
    entries.delete(number);
  } else {
    entries.set(number, entry);
  }
}

export function entryNumbers() {
  return [...entries.keys()];
}

/** What is opened is told anew where somebody may see more now. @param {Partial<typeof reader>} change */
export function setReader(change) {
  const before = reader.mayRead;
  Object.assign(reader, change);
  if (before !== reader.mayRead) {
    for (const [number, row] of rows) {
      row.whole = null;
      if (row.details.open) {
        void show(number);
      }
    }
  }
}

export function drawEntries() {
  const newest = [...entries].sort(([a], [b]) => b - a);
  none.hidden = newest.length > 0;
  older.hidden = isAll || (newest.at(-1)?.[0] ?? 1) <= 1;
  for (const [number, { item }] of rows) {
    if (!entries.has(number)) {
      item.remove();
      rows.delete(number);
    }
  }
  for (const [index, [number, entry]] of newest.entries()) {
    const isNew = !rows.has(number);
    const { item } = entryRow(number, entry);
    if (list.children[index] !== item) {
      list.insertBefore(item, list.children[index] ?? null);
    }
    if (isNew && isBegun) {
      flash(item);
    }
  }
  isBegun = true;
  openAsked();
}

/** Opens the entry that the address asks for, and closes all others. */
export function openAsked() {
  for (const [number, { details }] of rows) {
    const shall = asked.entry === `${number}`;
    if (details.open !== shall) {
      details.open = shall;
    }
  }
  const number = Number(asked.entry);
  if (isBegun && asked.entry !== '' && !entries.has(number) && !sought.has(number)) {
    sought.add(number);
    void askFor(number + 1, 1);
  }
}

const OUTCOMES = new Map([
  ['runtime', 'without a reload'],
  ['template-error', 'template error'],
  ['published-waiting', 'published, HAProxy is away'],
]);
const GOOD = new Set(['runtime', 'reloaded', 'started', 'adopted', 'published']);

/** @param {number} number @param {Entry} entry */
function entryRow(number, { at, outcome, ms, what, failed }) {
  const known = rows.get(number);
  if (known) {
    return known;
  }
  const date = new Date(at);
  const tone = failed ? 'bad' : GOOD.has(outcome) ? 'good' : '';
  const inside = make('div', { class: 'inside' });
  const details = make(
    'details',
    { 'data-entry': `${number}` },
    make(
      'summary',
      {},
      make(
        'span',
        { class: 'muted when' },
        make('span', { title: date.toISOString() }, clock(date)),
        ', ',
        age(at),
        ' ago',
      ),
      make('span', {}, badge(OUTCOMES.get(outcome) ?? outcome, tone)),
      make('span', { class: failed ? 'what error' : 'what' }, what),
      make('span', { class: 'took' }, took(ms)),
    ),
    inside,
  );
  details.addEventListener('toggle', () => {
    const text = `${number}`;
    if (details.open) {
      void show(number);
    } else {
      inside.replaceChildren();
    }
    if (details.open !== (asked.entry === text)) {
      asked.entry = details.open ? text : '';
      writeAddress();
      openAsked();
    }
  });
  const row = { item: make('li', {}, details), details, inside, whole: null };
  rows.set(number, row);
  return row;
}

/** @param {number} number */
async function show(number) {
  const row = rows.get(number);
  if (!row) {
    return;
  }
  if (!row.whole) {
    row.inside.setAttribute('aria-busy', 'true');
    const answer = await fetch(`/api/history/${number}`).catch(() => null);
    row.whole = answer?.ok ? await answer.json() : null;
    row.inside.removeAttribute('aria-busy');
    if (!row.whole) {
      row.inside.replaceChildren(make('p', {}, answer ? await answer.text() : 'nobody answers'));
      return;
    }
  }
  row.inside.replaceChildren(...wholeEntry(row.whole));
}

/** @param {WholeEntry} entry */
function wholeEntry(entry) {
  const {
    number,
    outcome,
    revision,
    keys,
    keyCount,
    by,
    changes,
    triggers,
    reasons,
    error,
    words,
    steps,
    rollback,
  } = entry;
  const more = keyCount > keys.length ? [`and ${keyCount - keys.length} more`] : [];
  return [
    make(
      'dl',
      {},
      ...fact('Number', `${number}`),
      ...fact('Rollback', rollback === null ? '' : `the text of ${rollback} is put back`),
      ...fact('Error', error ?? ''),
      ...fact('Keys', [...keys, ...more]),
      ...fact('Revision', revision === null || revision === '0' ? '' : revision),
      ...fact('Written by', by.join(', ')),
      ...fact('Changes', changes),
      ...fact(outcome === 'runtime' ? 'How' : 'Why a reload', reasons),
      ...fact('Said meanwhile', words),
      ...fact('Why it ran', triggers.join('; ')),
      ...fact(
        'Steps',
        Object.entries(steps)
          .map(([step, ms]) => `${step} ${took(ms)}`)
          .join(', '),
      ),
    ),
    ...entry.files.flatMap(fileOf),
    ...(reader.mayRead || entry.files.length === 0 ? [] : [howToSee()]),
  ];
}

/** @param {WholeEntry['files'][number]} file */
function fileOf({ name, added, removed, diff }) {
  const head = make(
    'h3',
    { class: 'file' },
    make('code', {}, name),
    ' ',
    make('ins', {}, `+${added}`),
    ' ',
    make('del', {}, `-${removed}`),
  );
  if (diff === null || diff === '') {
    return [head];
  }
  const all = diff.replace(/\n$/, '').split('\n');
  return [
    head,
    make(
      'pre',
      { class: 'diff', tabindex: '0', 'aria-label': `What changed in ${name}`, role: 'region' },
      ...all.slice(0, MOST_LINES).map(diffLine),
    ),
    ...(all.length > MOST_LINES
      ? [
          make(
            'p',
            {},
            `and ${counted(all.length - MOST_LINES, 'more line')}: pointsman history show has all`,
          ),
        ]
      : []),
  ];
}

/** @param {string} text */
function diffLine(text) {
  const line = `${text}\n`;
  const [sign] = text;
  return sign === '+'
    ? make('ins', {}, line)
    : sign === '-'
      ? make('del', {}, line)
      : make('span', sign === '@' ? { class: 'muted' } : {}, line);
}

/** What somebody does who may not see a diff. */
function howToSee() {
  const { hasToken, socket } = reader;
  const port = location.port || '9290';
  const byToken = hasToken
    ? [make('a', { href: '#token' }, 'show the token')]
    : ['set ', make('code', {}, 'status.tokenFile'), ' and show that token'];
  const bySocket =
    socket === null ? [] : [', or come by the socket: ', make('code', {}, `ssh -L ${port}:${socket} HOST`)];
  return make('p', { class: 'locked' }, 'To see the diff, ', ...byToken, ...bySocket, '.');
}

/** @param {number} from @param {number} limit */
async function askFor(from, limit) {
  const answer = await fetch(`/api/history?from=${from}&limit=${limit}`).catch(() => null);
  if (!answer?.ok) {
    return;
  }
  /** @type {{ entries: WholeEntry[] }} */
  const { entries: found } = await answer.json();
  for (const { number, time, outcome, ms, error, changes, words, triggers } of found) {
    const what =
      error ?? (changes.length > 0 ? changes.slice(0, 3).join(', ') : (words[0] ?? triggers.join(', ')));
    const [first = ''] = what.split('\n');
    takeEntry(number, { at: Date.parse(time), outcome, ms, what: first, failed: error !== null });
  }
  isAll ||= limit === MORE && found.length < limit;
  drawEntries();
}

older.addEventListener('click', () => void askFor(Math.min(...entries.keys()), MORE));
