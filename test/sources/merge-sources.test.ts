import { once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Change, Entry } from '../../src/model/entry.ts';
import type { KnownLayers, Source, SourceEvent } from '../../src/ports/source.ts';
import { eventsOf, type Push } from '../../src/sources/events-of.ts';
import { mergeSources } from '../../src/sources/merge-sources.ts';
import { SourceRecorder } from '../support/source-recorder.ts';

/** A source that says what a test tells it to. */
class ScriptedSource implements Source {
  readonly name: string;
  optional = false;
  readonly #index: number;
  #push: Push<SourceEvent> | undefined;
  entries: Entry[] = [];

  constructor(index: number) {
    this.#index = index;
    this.name = `source ${index}`;
  }

  read(): Promise<readonly Entry[]> {
    return Promise.resolve(this.entries);
  }

  watch(signal: AbortSignal): AsyncIterable<SourceEvent> {
    return eventsOf(signal, async (push, inner) => {
      this.#push = push;
      await once(inner, 'abort');
    });
  }

  entry(key: string, value: string): Entry {
    return { key, value, source: this.#index, created: 0n, modified: 0n };
  }

  snapshot(values: Record<string, string>, revision = 0n, refused?: readonly string[]): void {
    const entries = Object.entries(values).map(([key, value]) => this.entry(key, value));
    this.#push?.({ kind: 'snapshot', entries, revision, ...(refused && { refused }) });
  }

  change(values: Record<string, string | null>, revision = 0n): void {
    const changes = Object.entries(values).map(
      ([key, value]): Change =>
        value === null ? { kind: 'delete', key } : { kind: 'put', entry: this.entry(key, value) },
    );
    this.#push?.({ kind: 'changes', changes, revision });
  }

  state(state: 'live' | 'stale'): void {
    this.#push?.({ kind: 'state', state, of: { index: this.#index, name: this.name } });
  }
}

function scripted(): [ScriptedSource, ScriptedSource] {
  return [new ScriptedSource(0), new ScriptedSource(1)];
}

test('the first snapshot waits for all sources; states go through and name their source', async () => {
  const [first, second] = scripted();
  await using seen = new SourceRecorder(mergeSources([first, second]));
  first.snapshot({ '/a': '1', '/b': '1' }, 7n);
  first.state('live');
  first.change({ '/c': '1' }, 8n);
  await seen.until(() => seen.states.length === 1);
  expect(seen.events).toEqual([{ kind: 'state', state: 'live', of: { index: 0, name: 'source 0' } }]);
  second.snapshot({ '/b': '2' });
  await seen.until(() => seen.snapshots.length === 1);
  expect(seen.values).toEqual({ '/a': '1', '/b': '2', '/c': '1' });
  expect(seen.tree.get('/b')?.source).toBe(1);
  expect(seen.snapshots[0]?.revision).toBe(8n);
});

test('a later source wins a key, and the earlier one shows again when it gives it up', async () => {
  const [first, second] = scripted();
  await using seen = new SourceRecorder(mergeSources([first, second]));
  first.snapshot({ '/a': '1', '/b': '1' });
  second.snapshot({ '/b': '2' });
  first.change({ '/b': 'hidden' });
  first.change({ '/b': 'hidden too', '/a': null });
  await seen.until(() => seen.changes.length === 1);
  expect(seen.changes.map(({ changes }) => changes)).toEqual([[{ kind: 'delete', key: '/a' }]]);
  second.change({ '/b': null, '/none': null });
  await seen.until(() => seen.values['/b'] === 'hidden too');
  first.change({ '/b': null });
  await seen.until(() => seen.tree.size === 0);
});

test('transactions that come while one is taken are one event then, in their order', async () => {
  const [first] = scripted();
  const abort = new AbortController();
  const events = mergeSources([first]).watch(abort.signal)[Symbol.asyncIterator]();
  const next = async () => (await events.next()).value as SourceEvent;
  const snapshot = next();
  first.snapshot({});
  expect((await snapshot).kind).toBe('snapshot');
  for (let at = 1; at <= 100; at++) {
    first.change({ '/a': `${at}`, [`/${at}`]: 'x' }, BigInt(at));
    await setImmediate();
  }
  expect(await next()).toMatchObject({
    kind: 'changes',
    changes: expect.objectContaining({ length: 200 }),
    revision: 100n,
  });
  abort.abort();
  expect(await events.next()).toEqual({ value: undefined, done: true });
});

test('what is seen is always the layers one above the other', async () => {
  const step = fc.record({
    place: fc.nat(1),
    kind: fc.constantFrom('snapshot', 'change', 'change', 'change'),
    values: fc.dictionary(
      fc.constantFrom('/a', '/b', '/c'),
      fc.option(fc.constantFrom('1', '2'), { nil: null }),
    ),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      const sources = scripted();
      await using seen = new SourceRecorder(mergeSources(sources));
      const models: Record<string, string>[] = [{}, {}];
      for (const source of sources) {
        source.snapshot({});
      }
      for (const { place, kind, values } of steps) {
        const put: Record<string, string> = {};
        for (const [key, value] of Object.entries(values)) {
          if (value !== null) {
            put[key] = value;
          }
        }
        if (kind === 'snapshot') {
          models[place] = put;
          sources[place]?.snapshot(put);
        } else {
          const model = { ...models[place], ...put };
          for (const [key, value] of Object.entries(values)) {
            if (value === null) {
              delete model[key];
            }
          }
          models[place] = model;
          sources[place]?.change(values);
        }
      }
      for (let turn = 0; turn < 5; turn++) {
        await setImmediate();
      }
      expect(seen.values).toEqual({ ...models[0], ...models[1] });
    }),
    { numRuns: 100 },
  );
});

test('read() merges, too', async () => {
  const sources = scripted();
  for (const [place, source] of sources.entries()) {
    source.entries = [source.entry('/a', String(place)), source.entry(`/only-${place}`, 'x')];
  }
  const read = await mergeSources(sources).read(AbortSignal.timeout(1_000));
  expect(Object.fromEntries(read.map(({ key, value }) => [key, value]))).toEqual({
    '/a': '1',
    '/only-0': 'x',
    '/only-1': 'x',
  });
});

/** What is known of both from before. */
function knownOf(values: readonly (Record<string, string> | null)[], without: readonly string[] = []) {
  const gaveUp = new AbortController();
  const of = (index: number) => {
    const known = values[index];
    const source = new ScriptedSource(index);
    return known
      ? { entries: Object.entries(known).map(([key, value]) => source.entry(key, value)), without }
      : null;
  };
  return { of, gaveUp: gaveUp.signal, giveUp: () => gaveUp.abort() };
}

/** Follows merged sources with what is known of them. */
function follow(sources: readonly ScriptedSource[], known: KnownLayers): SourceRecorder {
  const merged = mergeSources(sources);
  return new SourceRecorder({ ...merged, watch: (signal) => merged.watch(signal, known) });
}

test('what is known of a silent source stands in for it once it is waited for no longer, and until it gives its own', async () => {
  const [first, second] = scripted();
  const known = knownOf([{ '/a': 'old' }, { '/b': 'old', '/c': 'old' }]);
  await using seen = follow([first, second], known);
  first.snapshot({ '/a': 'new' });
  first.state('live');
  await seen.until(() => seen.states.length === 1);
  expect(seen.snapshots).toEqual([]);
  known.giveUp();
  await seen.until(() => seen.snapshots.length === 1);
  expect(seen.values).toEqual({ '/a': 'new', '/b': 'old', '/c': 'old' });
  first.change({ '/d': 'new' });
  await seen.until(() => seen.values['/d'] === 'new');
  second.snapshot({ '/b': 'new' });
  await seen.until(() => seen.snapshots.length === 2);
  expect(seen.values).toEqual({ '/a': 'new', '/b': 'new', '/d': 'new' });
});

test('where nothing gives anything, nothing is given: that is what the cache as a whole is for', async () => {
  const [first, second] = scripted();
  const known = knownOf([{ '/a': 'old' }, { '/b': 'old' }]);
  await using seen = follow([first, second], known);
  known.giveUp();
  first.state('stale');
  await seen.until(() => seen.states.length === 1);
  expect(seen.snapshots).toEqual([]);
});

test('a source of which nothing is known is waited for, unless it is optional', async () => {
  const sources = scripted();
  const known = knownOf([{ '/a': 'old' }, null]);
  await using seen = follow(sources, known);
  known.giveUp();
  sources[0].snapshot({ '/a': 'new' });
  sources[0].state('live');
  await seen.until(() => seen.states.length === 1);
  expect(seen.snapshots).toEqual([]);

  const others = scripted();
  others[1].optional = true;
  const more = knownOf([null, null]);
  await using again = follow(others, more);
  others[0].snapshot({ '/a': 'new' });
  others[0].state('live');
  await again.until(() => again.states.length === 1);
  expect(again.snapshots).toEqual([]);
  more.giveUp();
  await again.until(() => again.snapshots.length === 1);
  expect(again.values).toEqual({ '/a': 'new' });
});

test('a prefix that may not be read keeps what is known of it, by segment, until it may be', async () => {
  const [first] = scripted();
  const known = knownOf([{ '/a': 'old', '/h': 'old', '/h/x': 'old', '/ha': 'old' }]);
  await using seen = follow([first], known);
  first.snapshot({ '/a': 'new' }, 0n, ['/h']);
  await seen.until(() => seen.snapshots.length === 1);
  expect(seen.values).toEqual({ '/a': 'new', '/h': 'old', '/h/x': 'old' });
  first.snapshot({ '/a': 'new', '/h/x': 'new' });
  await seen.until(() => seen.snapshots.length === 2);
  expect(seen.values).toEqual({ '/a': 'new', '/h/x': 'new' });
  first.snapshot({ '/a': 'newer' }, 0n, ['/h']);
  await seen.until(() => seen.snapshots.length === 3);
  expect(seen.values).toEqual({ '/a': 'newer', '/h/x': 'new' });
});

test.each([
  ['a source that was never read', [null]],
  ['a prefix that never could be', [{ '/a': 'old' }]],
] as const)(
  'a refused prefix of %s is missing: nothing is given, nor is anything stale',
  async (_, values) => {
    const [first] = scripted();
    await using seen = follow([first], knownOf(values, ['/h']));
    first.snapshot({ '/a': 'new' }, 0n, ['/h']);
    first.state('stale');
    await seen.until(() => seen.states.length === 1);
    expect([seen.states, seen.snapshots]).toEqual([['connecting'], []]);
    first.snapshot({ '/a': 'new', '/h/x': 'new' });
    await seen.until(() => seen.snapshots.length === 1);
    first.snapshot({ '/a': 'newer' }, 0n, ['/h']);
    await seen.until(() => seen.snapshots.length === 2);
    expect(seen.values).toEqual({ '/a': 'newer', '/h/x': 'new' });
  },
);
