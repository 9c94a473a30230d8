import { describe, expect, test, vi } from 'vitest';
import { SystemError } from '../../src/errors.ts';
import type { PassEvent, PointsmanEvent } from '../../src/events.ts';
import { Catalog } from '../../src/model/catalog.ts';
import type { Change, Entry } from '../../src/model/entry.ts';
import { splitMark } from '../../src/plan/mark.ts';
import { NO_OTHER_FILES } from '../../src/plan/other-files.ts';
import { Planner } from '../../src/plan/planner.ts';
import type { Runtime } from '../../src/ports/runtime.ts';
import type { Source, SourceEvent } from '../../src/ports/source.ts';
import type { CrashInput } from '../../src/ports/stores.ts';
import type { Templates } from '../../src/ports/templates.ts';
import { Reconciler } from '../../src/reconcile/reconciler.ts';
import type { TemplateSet } from '../../src/render/template-set.ts';
import { entry } from '../support/catalog.ts';
import { waitFor } from '../support/haproxy.ts';
import { FakeFile, FakeHaproxy, FakeJudge, recorder, servedAndDrawing } from './fakes.ts';
import { pushable } from './pushable.ts';

const TEMPLATE =
  '{% for s in services %}\nbackend be_{{ s.name }}\n{% for i in s.instances %}\n  server {{ i.id }} {{ i.address }} {{ i.meta.opt | default("") }}\n{% endfor %}\n{% endfor %}\n';

function setUp(options: { readonly runtime?: Partial<Runtime> } = {}) {
  const [events, sets] = [pushable<SourceEvent>(), pushable<TemplateSet>()];
  const setOf = (text: string) => ({ folder: '/t', entry: 'a.njk', files: new Map([['a.njk', text]]) });
  const source: Source = { name: 'fake', read: async () => [], watch: events.watch };
  const templates: Templates = { read: async () => setOf(TEMPLATE), watch: sets.watch };
  const file = new FakeFile();
  const [haproxy, judge, said] = [new FakeHaproxy(file), new FakeJudge(), recorder()];
  const { emit } = said;
  const { served, drawing } = servedAndDrawing(emit);
  const reports: CrashInput[] = [];
  const runtime: Pick<Runtime, 'usable' | 'apply' | 'readBackAll'> = {
    usable: async () => ({ kind: 'yes', version: '3.0.11', otherFiles: NO_OTHER_FILES }),
    apply: async ({ mark, commands, expected }) => {
      haproxy.mark = mark;
      return { kind: 'applied', pid: expected.pid, commands: commands.length, lingering: 0 };
    },
    readBackAll: async () => ({ kind: 'same', servers: 0 }),
    ...options.runtime,
  };
  const loop = new Reconciler({
    ...{ source, templates, served, drawing, judge, file, haproxy, emit },
    target: 'haproxy',
    pace: { quiet: 0, maxWait: 0, reloadInterval: 0 },
    quarantine: { retry: 50 },
    runtime: { runtime, newServers: 'up', drain: 0 },
    crashFile: {
      keep: async (input) => {
        reports.push(input);
        return '/state/crash';
      },
    },
  });
  const stop = new AbortController();
  const running = loop.run(stop.signal);
  let revision = 1n;
  sets.push(setOf(TEMPLATE));
  const changes = (all: readonly Change[]) =>
    events.push({ kind: 'changes', changes: all, revision: revision++ });
  return {
    ...{ judge, haproxy, served, drawing, file, reports, running, stop },
    text: () => splitMark(file.text ?? '').text,
    snapshot: (...entries: Entry[]) => events.push({ kind: 'snapshot', entries, revision: revision++ }),
    put: (...entries: Entry[]) => changes(entries.map((one) => ({ kind: 'put', entry: one }))),
    of: <K extends PointsmanEvent['kind']>(kind: K) =>
      said.events.filter((event): event is Extract<PointsmanEvent, { kind: K }> => event.kind === kind),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}

let port = 1;
const server = (service: string, id: string, opt?: string): Entry =>
  entry(`/services/${service}/${id}`, { host: '10.0.0.1', port: port++, ...(opt ? { opt } : {}) }, port);

/** Has something throw a TypeError for whatever holds `evil`, until the test ends. */
function fault(text: string): void {
  if (text.includes('evil')) {
    throw new TypeError('cannot read properties of evil');
  }
}

async function begin(loop: ReturnType<typeof setUp>): Promise<void> {
  loop.snapshot(server('web', 'a', 'ok'));
  await waitFor(() => loop.text().includes('server a'));
}

async function expectOnlyEvilAside(loop: ReturnType<typeof setUp>): Promise<void> {
  loop.put(server('web', 'a', 'evil'), server('api', 'b'), server('zoo', 'c'));
  await waitFor(() => loop.text().includes('be_zoo'), { timeout: 10_000 });
  expect(loop.text()).toMatch(/be_web\n {2}server a \S+ ok/);
  expect(loop.of('quarantined').flatMap(({ units }) => units)).toMatchObject([
    { unit: 'instances of web', instead: 'last good', reason: expect.stringContaining('which is a bug') },
  ]);
  loop.put(server('late', 'd'));
  await waitFor(() => loop.text().includes('be_late'), { timeout: 10_000 });
}

describe('a pass that throws', () => {
  test('because of a value over which the check throws: it is set aside by name, all else goes on', async () => {
    await using loop = setUp();
    await begin(loop);
    loop.judge.verdict = (text) => {
      fault(text);
      return { kind: 'accepted', warnings: '' };
    };
    await expectOnlyEvilAside(loop);
    const [crash] = loop.of('part-failed');
    expect(crash).toMatchObject({
      message: 'TypeError: cannot read properties of evil',
      report: '/state/crash',
    });
    expect(crash?.stack).toContain('crashes.test.ts');
    expect(loop.reports[0]?.keys.map(({ key }) => key)).toContain('/services/web/a');
  });

  test('because of a value over which the plan throws: the same, by planning alone', async () => {
    const { plan } = Planner.prototype;
    using _ = restored(
      vi.spyOn(Planner.prototype, 'plan').mockImplementation(function (this: Planner, text) {
        fault(text);
        return plan.call(this, text);
      }),
    );
    await using loop = setUp();
    await begin(loop);
    await expectOnlyEvilAside(loop);
  });

  test('because of a value over which rendering throws what is no error of the template', async () => {
    await using loop = setUp();
    await begin(loop);
    const { render, tryRender } = loop.drawing;
    using _one = restored(
      vi.spyOn(loop.drawing, 'render').mockImplementation(async (...args) => {
        const placed = await render.apply(loop.drawing, args);
        fault(placed.text);
        return placed;
      }),
    );
    using _other = restored(
      vi.spyOn(loop.drawing, 'tryRender').mockImplementation(async (...args) => {
        const text = await tryRender.apply(loop.drawing, args);
        fault(text);
        return text;
      }),
    );
    await expectOnlyEvilAside(loop);
  });

  test('for no fault of any key: nobody is set aside, and it is tried again with growing pauses', async () => {
    await using loop = setUp();
    await begin(loop);
    const state = loop.haproxy.state.bind(loop.haproxy);
    loop.haproxy.state = () => Promise.reject(new TypeError('no state'));
    loop.put(server('api', 'b'));
    await waitFor(() => loop.of('part-failed').filter(({ where }) => where === 'a pass').length >= 3, {
      timeout: 15_000,
    });
    const pauses = loop
      .of('part-failed')
      .flatMap(({ where, retryInMs }) => (where === 'a pass' ? [retryInMs] : []));
    expect(pauses.slice(0, 3)).toEqual([1000, 2000, 4000]);
    const failed = loop.of('pass').filter(({ error }) => error?.startsWith('a bug: '));
    expect(failed[0]).toMatchObject({
      outcome: 'failed',
      error: 'a bug: TypeError: no state',
    } satisfies Partial<PassEvent>);
    expect(loop.of('quarantined')).toEqual([]);
    expect(loop.of('nobody-quarantined').at(-1)).toMatchObject({ fault: 'unknown' });
    // One report for all that are alike.
    expect(loop.reports.filter(({ where }) => where === 'a pass')).toHaveLength(1);
    loop.haproxy.state = state;
    loop.put(server('zoo', 'c'));
    await waitFor(() => loop.text().includes('be_zoo'), { timeout: 10_000 });
  });

  test('over what is no bug: a failed pass with its words, and no stack', async () => {
    await using loop = setUp();
    await begin(loop);
    loop.haproxy.state = () => Promise.reject(new SystemError('asking HAProxy: no', { hint: 'ask again' }));
    loop.put(server('api', 'b'));
    await waitFor(() => loop.of('pass').some(({ error }) => error === 'asking HAProxy: no'));
    expect(loop.of('notice')[0]).toMatchObject({
      message: expect.stringContaining('asking HAProxy: no'),
      hint: 'ask again',
    });
    expect(loop.of('part-failed')).toEqual([]);
  });

  test('in the middle of a change at run time: that worker is not trusted any more', async () => {
    let throws = true;
    const haproxy: { mark: string | null } = { mark: null };
    await using loop = setUp({
      runtime: {
        apply: async ({ mark, expected, commands }) => {
          if (throws) {
            throw new TypeError('half way');
          }
          haproxy.mark = mark;
          return { kind: 'applied', pid: expected.pid, commands: commands.length, lingering: 0 };
        },
      },
    });
    await begin(loop);
    const { reloads } = loop.haproxy;
    loop.put(server('web', 'b'));
    await waitFor(() => loop.of('part-failed').length > 0);
    throws = false;
    await waitFor(() => loop.haproxy.reloads > reloads && loop.text().includes('server b'), {
      timeout: 10_000,
    });
  });
});

describe('what the sources say', () => {
  test('a value over which the catalog throws is kept away by name, with its last good value in its place', async () => {
    const { apply } = Catalog.prototype;
    using _ = restored(
      vi.spyOn(Catalog.prototype, 'apply').mockImplementation(function (this: Catalog, changes) {
        apply.call(this, changes);
        for (const change of changes) {
          if (change.kind === 'put') {
            fault(change.entry.value);
          }
        }
      }),
    );
    await using loop = setUp();
    await begin(loop);
    loop.put(server('web', 'a', 'evil'), server('new', 'e', 'evil'), server('api', 'b'));
    await waitFor(() => loop.text().includes('be_api'), { timeout: 10_000 });
    expect(loop.text()).toMatch(/be_web\n {2}server a \S+ ok/);
    expect(loop.text()).not.toContain('be_new');
    expect(loop.of('quarantined').flatMap(({ units }) => units)).toMatchObject([
      { unit: 'key /services/web/a', instead: 'last good' },
      { unit: 'key /services/new/e', instead: 'nothing' },
    ]);
    expect(loop.served.catalog.rejected).toMatchObject([
      { key: '/services/new/e', reason: expect.stringContaining('which is a bug') },
    ]);
    loop.put(server('web', 'a', 'fine'), server('new', 'e'));
    await waitFor(() => loop.text().includes('be_new') && loop.text().includes('fine'), { timeout: 10_000 });
    expect(loop.of('quarantine-released').flatMap(({ units }) => units)).toEqual([
      'key /services/web/a',
      'key /services/new/e',
    ]);
  });
});

describe('the end', () => {
  test.each(['check', 'reload'] as const)(
    'comes within 2 s of the signal, in a %s that hangs too',
    async (what) => {
      const loop = setUp();
      await begin(loop);
      let hangs = false;
      const never = () => {
        hangs = true;
        return new Promise<never>(() => {});
      };
      if (what === 'check') {
        loop.judge.check = never;
      } else {
        loop.haproxy.reload = never;
      }
      loop.put(server('web', 'b'), entry('/routes/web', { hosts: ['x.example'] }, 5), server('new', 'z'));
      await waitFor(() => hangs, { timeout: 10_000 });
      const begun = performance.now();
      loop.stop.abort();
      await loop.running;
      expect(performance.now() - begun).toBeLessThan(4000);
    },
  );
});

function restored(spy: { mockRestore(): void }): Disposable {
  return { [Symbol.dispose]: () => spy.mockRestore() };
}
