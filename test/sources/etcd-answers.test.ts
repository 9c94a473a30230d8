import { describe, expect, it } from 'vitest';
import { SourceError } from '../../src/errors.ts';
import { rangeAnswer, watchAnswer } from '../../src/sources/etcd-answers.ts';
import { etcdSource } from '../../src/sources/etcd-source.ts';
import { type FalseEtcd, keyValue, type Message, startFalseEtcd } from '../support/false-etcd.ts';
import { waitFor } from '../support/haproxy.ts';
import { SourceRecorder } from '../support/source-recorder.ts';

const MEBIBYTE = 2 ** 20;
const LIMITS = { keys: 1_000, valueBytes: MEBIBYTE, totalBytes: 8 * MEBIBYTE };

function follow(etcd: FalseEtcd, more: { limits?: typeof LIMITS; rereadEvery?: number } = {}) {
  return new SourceRecorder(
    etcdSource({ endpoints: [etcd.endpoint], prefixes: ['/services', '/routes'], index: 0, ...more }),
  );
}

function errors(seen: SourceRecorder): string {
  return seen.events
    .flatMap((event) => (event.kind === 'state' && event.error ? [event.error.message] : []))
    .join('\n');
}

const put = (kv: Message | undefined) => ({ type: 'PUT', ...(kv ? { kv } : {}) });
const kv = keyValue('/services/web/c', '10.0.0.3:80');

/** Every answer that a read may get, without something, or with what cannot be. */
const READS: readonly (readonly [what: string, lie: (answer: Message) => Message, said: string])[] = [
  ['no header', ({ header: _, ...rest }) => rest, 'header is missing'],
  ['no revision', (answer) => ({ ...answer, header: { cluster_id: '7' } }), 'header.revision is missing'],
  [
    'a negative revision',
    (answer) => ({ ...answer, header: { revision: '-3' } }),
    'header.revision is no revision',
  ],
  [
    'a key without its name',
    replaceKvs([{ value: Buffer.of(1), create_revision: '1', mod_revision: '1' }]),
    'kv.key is missing',
  ],
  [
    'a key without its revisions',
    replaceKvs([{ key: Buffer.from('/services/web/a') }]),
    'kv.create_revision is missing',
  ],
  ['a key that was not asked for', replaceKvs([keyValue('/strange', '1')]), 'keys that were not asked for'],
  [
    'one key for ever',
    (answer) => ({ ...answer, kvs: [keyValue('/services/a', '1')], more: true }),
    'keys that were not asked for',
  ],
  [
    'keys in disorder',
    replaceKvs([keyValue('/services/b', '1'), keyValue('/services/a', '1')]),
    'kvs is not sorted',
  ],
];

/** Watch 4 is the one below /services. The same of the answers of a watch: those that it sends by itself, and those to a question. */
const ANSWERS: readonly (readonly [what: string, lie: (answer: Message) => Message, said: string])[] = [
  ['no header', ({ header: _, ...rest }) => rest, 'header is missing'],
  ['no revision', (answer) => ({ ...answer, header: { cluster_id: '7' } }), 'header.revision is missing'],
  [
    'one watch twice',
    (answer) => (answer.created ? { ...answer, watch_id: '1' } : answer),
    'a watch that was not asked for',
  ],
];
const EVENTS: readonly (readonly [what: string, message: Message, said: string])[] = [
  ['an event without a key', { watch_id: '4', events: [put(undefined)] }, 'kv is missing'],
  ['a key without its name', { watch_id: '4', events: [put({ mod_revision: '6' })] }, 'kv.key is missing'],
  [
    'a key without a revision',
    { watch_id: '4', events: [put({ key: kv.key, create_revision: '5' })] },
    'kv.mod_revision is missing',
  ],
  [
    'a key that was not asked for',
    { watch_id: '4', events: [put(keyValue('/strange', '1'))] },
    'a key that was not asked for',
  ],
  ['an event of no watch', { watch_id: '99', events: [put(kv)] }, 'events of a watch that was not asked for'],
  ['an event of an unknown kind', { watch_id: '4', events: [{ type: 7, kv }] }, 'events[].type is 7'],
];

function replaceKvs(kvs: readonly Message[]) {
  return (answer: Message) =>
    Array.isArray(answer.kvs) && answer.kvs.length > 0 ? { ...answer, kvs } : answer;
}

describe('an etcd that says what no etcd says', () => {
  it.each(READS)(
    'to a read: %s; it is said, and the truth is taken as soon as it is told',
    async (_, lie, said) => {
      await using etcd = await startFalseEtcd();
      etcd.lie = (answer, to) => (to === 'range' ? lie(answer) : answer);
      await using seen = follow(etcd);
      await seen.until(() => errors(seen).includes(said), said);
      expect(errors(seen)).toContain(`watching etcd: ${etcd.endpoint}: its answer to a read is not etcd's: `);
      expect(seen.snapshots).toEqual([]);
      const source = etcdSource({ endpoints: [etcd.endpoint], prefixes: ['/services'], index: 0 });
      await expect(source.read(AbortSignal.timeout(10_000))).rejects.toThrow(SourceError);
      etcd.lie = null;
      await seen.until(() => seen.states.at(-1) === 'live' && seen.tree.size === 2);
    },
  );

  it.each(ANSWERS)('to a watch: %s; the keys stay, and the truth is taken', async (_, lie, said) => {
    await using etcd = await startFalseEtcd();
    await using seen = follow(etcd);
    await seen.until(() => seen.states.includes('live'));
    etcd.lie = (answer, to) => (to === 'watch' ? lie(answer) : answer);
    // So that there is a stream that begins while it lies.
    await etcd.push({ watch_id: '99', events: [put(kv)] });
    await seen.until(() => errors(seen).includes(said), said);
    const opened = etcd.streams;
    await waitFor(() => etcd.streams > opened + 1, { what: 'tries with pauses' });
    expect(seen.tree.size).toBe(2);
    etcd.lie = null;
    await seen.until(() => seen.states.at(-1) === 'live');
  });

  it.each(EVENTS)('by a watch: %s; the keys stay, and the truth is taken', async (_, message, said) => {
    await using etcd = await startFalseEtcd();
    await using seen = follow(etcd);
    await seen.until(() => seen.states.includes('live'));
    await etcd.push(message);
    await seen.until(() => errors(seen).includes(said), said);
    expect(seen.tree.size).toBe(2);
    await seen.until(() => seen.states.at(-1) === 'live');
    const next = { ...kv, mod_revision: '6', create_revision: '6' };
    await etcd.push({ header: { revision: '6', cluster_id: '7' }, watch_id: '4', events: [put(next)] });
    await seen.until(() => seen.tree.size >= 2);
  });

  it.each([
    [
      'of 200 kB',
      () => ({
        watch_id: '4',
        fragment: true,
        events: [put(keyValue('/services/web/c', 'x'.repeat(200_000)))],
      }),
    ],
    ['that are empty', () => ({ watch_id: '4', fragment: true, events: [] })],
  ])('by fragments without end %s: it is left before they fill the memory', async (_, fragment) => {
    await using etcd = await startFalseEtcd();
    await using seen = follow(etcd, { limits: LIMITS });
    await seen.until(() => seen.states.includes('live'));
    let sent = 0;
    while (!errors(seen).includes('more than limits.totalBytes') && sent < 60_000) {
      await Promise.all(Array.from({ length: 20 }, () => etcd.push({ header: {}, ...fragment() })));
      sent += 20;
    }
    expect(errors(seen)).toContain('more than limits.totalBytes (8388608) came that belongs together');
    // 42 of 200 kB are 8 MiB, as are 8,192 of 1 kB; the rest was on its way.
    expect(sent).toBeLessThan(fragment().events.length > 0 ? 400 : 20_000);
    await seen.until(() => seen.states.at(-1) === 'live');
    expect(seen.tree.size).toBe(2);
  });

  it('by progress that stands still: what no longer fits into the memory goes out all the same', async () => {
    await using etcd = await startFalseEtcd();
    await using seen = follow(etcd, { limits: LIMITS });
    await seen.until(() => seen.states.includes('live'));
    // It says that its watches are at revision 5, whatever it sends.
    for (let revision = 6; revision < 60; revision++) {
      const kv = {
        ...keyValue(`/services/web/r${revision}`, 'x'.repeat(200_000)),
        mod_revision: `${revision}`,
      };
      await etcd.push({ header: {}, watch_id: '4', events: [put(kv)] });
    }
    await seen.until(() => seen.tree.size > 40);
    expect(errors(seen)).toBe('');
    expect(etcd.streams).toBe(1);
  });
});

it('an answer of which anything is left out or of another type is a SourceError, never another one', () => {
  const header = { cluster_id: '7', revision: '5' };
  const key = { ...keyValue('/a', '1') };
  const range = { header, kvs: [key], more: false };
  const watch = {
    header,
    watch_id: '1',
    created: false,
    canceled: false,
    compact_revision: '0',
    events: [{ type: 'Put', kv: key }],
    fragment: false,
  };
  for (const [whole, read] of [
    [range, rangeAnswer],
    [watch, watchAnswer],
  ] as const) {
    expect(() => read(whole)).not.toThrow();
    for (const broken of brokenForms(whole)) {
      try {
        read(broken);
      } catch (error) {
        expect(error).toBeInstanceOf(SourceError);
      }
    }
  }
});

/** A message with one of its parts, at any depth, left out or replaced. */
function brokenForms(whole: unknown): unknown[] {
  const instead = [undefined, null, 0, -1, '', 'x', '-1', '99999999999999999999999', true, {}, [], [null]];
  if (typeof whole !== 'object' || whole === null || Buffer.isBuffer(whole)) {
    return instead;
  }
  const inside = Object.entries(whole).flatMap(([name, part]) =>
    brokenForms(part).map((broken) => (Array.isArray(whole) ? [broken] : { ...whole, [name]: broken })),
  );
  return [...instead, ...inside];
}
