import { beforeEach, expect, test, vi } from 'vitest';
import type { PointsmanEvent } from '../../src/events.ts';
import type { Change, Entry } from '../../src/model/entry.ts';
import type { Prefixes } from '../../src/model/keys.ts';
import type { SourceEvent } from '../../src/ports/source.ts';
import type { BelievedStore, CachedTree, Hold } from '../../src/ports/stores.ts';
import { Reconciler } from '../../src/reconcile/reconciler.ts';
import type { TemplateSet } from '../../src/render/template-set.ts';
import { entry } from '../support/catalog.ts';
import { waitFor } from '../support/haproxy.ts';
import { FakeFile, FakeHaproxy, FakeJudge, recorder, servedAndDrawing } from './fakes.ts';
import { pushable } from './pushable.ts';

/** How often each value was parsed, and each key classified. */
const parsed = vi.hoisted(() => new Map<string, number>());

vi.mock('../../src/model/instance-value.ts', async (original) => {
  const real = await original<typeof import('../../src/model/instance-value.ts')>();
  return {
    ...real,
    parseInstance(key: string, id: string, value: string) {
      const what = `${key} ${value}`;
      parsed.set(what, (parsed.get(what) ?? 0) + 1);
      if (value.includes('boom')) {
        throw new TypeError('boom');
      }
      return real.parseInstance(key, id, value);
    },
  };
});
vi.mock('../../src/model/route-value.ts', async (original) => {
  const real = await original<typeof import('../../src/model/route-value.ts')>();
  return {
    ...real,
    parseRoute(value: string) {
      const what = `route ${value}`;
      parsed.set(what, (parsed.get(what) ?? 0) + 1);
      return real.parseRoute(value);
    },
  };
});

vi.mock('../../src/model/keys.ts', async (original) => {
  const real = await original<typeof import('../../src/model/keys.ts')>();
  return {
    ...real,
    classifyKey(key: string, prefixes: Prefixes) {
      const what = `role of ${key}`;
      parsed.set(what, (parsed.get(what) ?? 0) + 1);
      return real.classifyKey(key, prefixes);
    },
  };
});

beforeEach(() => parsed.clear());

const TEMPLATE =
  '{% for s in services %}\nbackend be_{{ s.name }}\n{% for i in s.instances %}\n  server {{ i.id }} {{ i.address }} {{ i.meta.opt | default("") }}\n{% endfor %}\n{% endfor %}\n';
const SET: TemplateSet = { folder: '/t', entry: 'a.njk', files: new Map([['a.njk', TEMPLATE]]) };

function store(tree: CachedTree): BelievedStore {
  let holds: readonly Hold[] = [];
  return {
    load: async () => ({ tree, holds, words: [] }),
    saveTree: async () => {},
    async saveHolds(next) {
      holds = next;
    },
    releaseAsked: async () => null,
    releaseDone: async () => {},
  };
}

/** The whole loop, begun with a cache of these. */
function start(cached: readonly Entry[]) {
  const [events, sets] = [pushable<SourceEvent>(), pushable<TemplateSet>()];
  const file = new FakeFile();
  const [haproxy, judge, said] = [new FakeHaproxy(file), new FakeJudge(), recorder()];
  const { emit } = said;
  const { served, drawing } = servedAndDrawing(emit);
  const tree = { entries: cached, revisions: [1n], freshAt: Date.now(), sinceGood: new Map() };
  const loop = new Reconciler({
    ...{ served, drawing, judge, file, haproxy, emit },
    source: { name: 'fake', read: async () => [], watch: events.watch },
    templates: { read: async () => SET, watch: sets.watch },
    target: 'haproxy',
    pace: { quiet: 0, maxWait: 0, reloadInterval: 0 },
    quarantine: { retry: 50 },
    guard: {
      rules: { share: 0.5, minimum: 4, window: 30_000, hold: 360_000 },
      cache: { wait: 10_000, maxAge: 60_000 },
      store: store(tree),
    },
  });
  const stop = new AbortController();
  const running = loop.run(stop.signal);
  sets.push(SET);
  return {
    judge,
    served,
    text: () => file.text ?? '',
    snapshot: (entries: readonly Entry[]) => events.push({ kind: 'snapshot', entries, revision: 2n }),
    changes: (...changes: Change[]) => events.push({ kind: 'changes', changes, revision: 3n }),
    has: (kind: PointsmanEvent['kind']) => said.events.some((event) => event.kind === kind),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}

const at = (id: string) => `/services/web/${id}`;
const server = (id: string, port: number, opt: string, revision = 1) =>
  entry(at(id), { host: '10.0.0.1', port, opt }, revision);
const put = (one: Entry): Change => ({ kind: 'put', entry: one });

test('an entry is parsed once on its way from the cache and the source through guard, quarantine, trials and catalog', async () => {
  const route = entry('/routes/web', { hosts: ['web.example'] });
  const [a, b, c] = [server('a', 1, 'ok'), server('b', 2, 'ok'), server('c', 3, 'ok')];
  const other = entry('/services/other/o', '10.0.0.2:80');
  await using loop = start([a, b, route]);
  loop.snapshot([{ ...a }, { ...b }, c, { ...route }, other]);
  await waitFor(() => loop.text().includes('server c'));
  // Registered anew, with the same value.
  loop.changes(put(server('a', 1, 'ok', 5)), put({ ...route, modified: 5n }));
  // Refused, searched for, set aside, and tried again.
  loop.judge.verdict = (text) =>
    text.includes('evil')
      ? { kind: 'refused', output: 'evil', lines: [] }
      : { kind: 'accepted', warnings: '' };
  loop.changes(put(server('b', 2, 'evil', 6)), put(server('d', 4, 'ok', 6)));
  await waitFor(() => loop.has('quarantined') && loop.text().includes('server d'));
  const asked = loop.judge.asked.length;
  await waitFor(() => loop.judge.asked.length > asked, { what: 'another try of what is set aside' });
  // Gone as a whole: held.
  loop.changes({ kind: 'delete', key: other.key });
  await waitFor(() => loop.has('keys-held'));
  const often = [...parsed].filter(([, times]) => times > 1);
  expect(often).toEqual([]);
  for (const one of [a, b, c, other, server('b', 2, 'evil'), server('d', 4, 'ok')]) {
    expect(parsed.get(`${one.key} ${one.value}`)).toBe(1);
  }
  expect(parsed.get(`route ${route.value}`)).toBe(1);
  // Back: that is another entry, but the service stays the same object.
  const service = loop.served.catalog.service('other');
  loop.changes(put({ ...other, modified: 9n }));
  await waitFor(() => loop.has('keys-let-go'));
  expect(parsed.get(`${other.key} ${other.value}`)).toBe(2);
  expect(loop.served.catalog.service('other')).toBe(service);
});

test('a value over which the parser throws is set aside by its key, and all else goes on', async () => {
  await using loop = start([]);
  loop.snapshot([server('a', 1, 'ok'), server('b', 2, 'ok')]);
  await waitFor(() => loop.text().includes('server b'));
  loop.changes(put(server('b', 3, 'boom', 6)), put(server('c', 4, 'ok', 6)));
  await waitFor(() => loop.text().includes('server c'));
  expect(loop.text()).toContain('server b 10.0.0.1:2 ok');
  expect(loop.has('quarantined')).toBe(true);
  loop.changes(put(server('b', 5, 'ok', 7)));
  await waitFor(() => loop.text().includes('server b 10.0.0.1:5 ok'));
});
