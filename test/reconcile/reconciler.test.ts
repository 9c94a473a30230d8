import { describe, expect, test, vi } from 'vitest';
import { SystemError } from '../../src/errors.ts';
import type { PassEvent } from '../../src/events.ts';
import type { Entry } from '../../src/model/entry.ts';
import { hashText, withMark } from '../../src/plan/mark.ts';
import { NO_OTHER_FILES } from '../../src/plan/other-files.ts';
import type { Runtime } from '../../src/ports/runtime.ts';
import type { Source, SourceEvent } from '../../src/ports/source.ts';
import type { Templates } from '../../src/ports/templates.ts';
import type { PaceOptions } from '../../src/reconcile/pace.ts';
import { Reconciler } from '../../src/reconcile/reconciler.ts';
import type { TemplateSet } from '../../src/render/template-set.ts';
import { entry } from '../support/catalog.ts';
import { waitFor } from '../support/haproxy.ts';
import { FakeFile, FakeHaproxy, FakeJudge, recorder, servedAndDrawing } from './fakes.ts';
import { pushable } from './pushable.ts';

const TEMPLATE = '{% for s in services %}{% for i in s.instances %}{{ i.address }}\n{% endfor %}{% endfor %}';
const QUICK = { quiet: 0, maxWait: 0, reloadInterval: 0 };

function setUp(options: { pace?: PaceOptions; installed?: string; mark?: string; apply?: 'auto' } = {}) {
  const events = pushable<SourceEvent>();
  const sets = pushable<TemplateSet>();
  const setOf = (text: string) => ({ folder: '/t', entry: 'a.njk', files: new Map([['a.njk', text]]) });
  const source: Source = { name: 'fake', read: async () => [], watch: events.watch };
  const templates: Templates = {
    read: async () => setOf(TEMPLATE),
    watch: sets.watch,
  };
  const file = new FakeFile();
  file.text = options.installed ?? null;
  const [haproxy, judge, said] = [new FakeHaproxy(file), new FakeJudge(), recorder()];
  haproxy.mark = options.mark ?? null;
  const { served, drawing } = servedAndDrawing(said.emit);
  const { emit } = said;
  const pace = options.pace ?? QUICK;
  const reconciler = new Reconciler({
    source,
    templates,
    served,
    drawing,
    judge,
    file,
    haproxy,
    target: 'haproxy',
    pace,
    emit,
    ...(options.apply ? { runtime: { runtime: fakeRuntime(haproxy), newServers: 'up', drain: 0 } } : {}),
  });
  const stop = new AbortController();
  const running = reconciler.run(stop.signal);
  let revision = 1n;
  return {
    file,
    haproxy,
    judge,
    said,
    reconciler,
    running,
    template: (text: string) => sets.push(setOf(text)),
    snapshot: (...entries: Entry[]) => events.push({ kind: 'snapshot', entries, revision: revision++ }),
    put: (...all: Entry[]) =>
      events.push({
        kind: 'changes',
        changes: all.map((one) => ({ kind: 'put', entry: one })),
        revision: revision++,
      }),
    passes: () => said.events.filter((event): event is PassEvent => event.kind === 'pass'),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}

/** A worker that does whatever it is told. */
function fakeRuntime(haproxy: FakeHaproxy): Pick<Runtime, 'usable' | 'apply' | 'readBackAll'> {
  return {
    usable: async () => ({ kind: 'yes', version: '2.6.12', otherFiles: NO_OTHER_FILES }),
    apply: async ({ mark, commands, expected }) => {
      haproxy.mark = mark;
      return { kind: 'applied', pid: expected.pid, commands: commands.length, lingering: 0 };
    },
    readBackAll: async () => ({ kind: 'same', servers: 0 }),
  };
}

const server = (id: string, port: number) => entry(`/services/web/${id}`, `10.0.0.1:${port}`, port);
const outcomes = (passes: readonly PassEvent[]) => passes.map(({ outcome }) => outcome);

describe('Reconciler', () => {
  test('touches nothing until there are a tree and a template, then publishes and reloads once', async () => {
    await using loop = setUp();
    loop.template(TEMPLATE);
    await waitFor(() => loop.passes().length > 0);
    expect(loop.passes()[0]).toMatchObject({ outcome: 'waiting', applied: { kind: 'unknown' } });
    expect(loop.file.text).toBeNull();
    loop.snapshot(server('a', 80));
    await waitFor(() => loop.file.text === withMark('10.0.0.1:80\n'));
    await waitFor(() => outcomes(loop.passes()).includes('reloaded'));
    expect(loop.haproxy.reloads).toBe(1);
    expect(loop.passes().at(-1)).toMatchObject({ pending: null, applied: { kind: 'verified' } });
  });

  test('does nothing at a start where file and HAProxy are right, nor when the same comes again', async () => {
    const text = '10.0.0.1:80\n';
    await using loop = setUp({ installed: withMark(text), mark: hashText(text) });
    loop.template(TEMPLATE);
    loop.snapshot(server('a', 80));
    await waitFor(() => outcomes(loop.passes()).includes('adopted'));
    const before = loop.passes().length;
    loop.put(server('a', 80));
    // A folder's key says nothing, but it is news: the equal value before it was none.
    loop.put({ ...server('a', 80), key: '/services/' });
    await waitFor(() => loop.passes().length > before);
    expect(loop.passes()).toHaveLength(before + 1);
    expect(loop.passes().at(-1)?.triggers).toEqual(['1 key changed']);
    expect(outcomes(loop.passes()).filter((outcome) => outcome !== 'waiting')).not.toContain('reloaded');
    expect([loop.file.writes, loop.haproxy.reloads, loop.judge.asked.length]).toEqual([0, 0, 0]);
  });

  test('lives while a reload waits for its pace, however long that is', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    try {
      await using loop = setUp({ pace: { quiet: 0, maxWait: 0, reloadInterval: 600_000 } });
      loop.template(TEMPLATE);
      loop.snapshot(server('a', 80));
      await vi.advanceTimersByTimeAsync(1000);
      expect(loop.haproxy.reloads).toBe(1);
      loop.put(server('b', 81));
      await vi.advanceTimersByTimeAsync(300_000);
      expect([loop.haproxy.reloads, loop.reconciler.turns.overdue]).toEqual([1, null]);
      expect(performance.now() - loop.reconciler.turns.last).toBeLessThanOrEqual(1000);
      await vi.advanceTimersByTimeAsync(300_000);
      expect(loop.haproxy.reloads).toBe(2);
    } finally {
      vi.useRealTimers();
    }
  });

  test('gathers a burst: the first goes out at once, the last state wins, reloads stay apart', async () => {
    await using loop = setUp({ pace: { quiet: 30, maxWait: 200, reloadInterval: 150 } });
    loop.template(TEMPLATE);
    loop.snapshot(server('a', 1));
    await waitFor(() => loop.haproxy.reloads === 1);
    const begun = performance.now();
    for (let port = 2; port <= 40; port++) {
      loop.put(server('a', port));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await waitFor(
      () => loop.file.text === withMark('10.0.0.1:40\n') && loop.passes().at(-1)?.pending === null,
    );
    // The one of before, the first, the last, and one for each pause: a busy machine takes longer over the burst.
    expect(loop.haproxy.reloads).toBeLessThanOrEqual(3 + (performance.now() - begun) / 150);
  });

  test('keeps the last good template while a new one is broken, and says both once', async () => {
    await using loop = setUp();
    loop.template(TEMPLATE);
    loop.snapshot(server('a', 80));
    await waitFor(() => loop.haproxy.reloads === 1);
    loop.template('{{ nope }}');
    await waitFor(() => loop.said.kinds().includes('template-error'));
    loop.put(server('b', 81));
    await waitFor(() => loop.haproxy.reloads === 2);
    expect(loop.file.text).toBe(withMark('10.0.0.1:80\n10.0.0.1:81\n'));
    loop.template(`# new\n${TEMPLATE}`);
    await waitFor(() => loop.haproxy.reloads === 3);
    const told = loop.said
      .kinds()
      .filter((kind) => kind.startsWith('template-') && kind !== 'template-changed');
    expect(told).toEqual(['template-error', 'template-mended']);
  });

  test('tries a refused text again by itself', async () => {
    await using loop = setUp();
    loop.judge.verdict = () => ({ kind: 'refused', output: '[ALERT] no', lines: [] });
    loop.template(TEMPLATE);
    loop.snapshot(server('a', 80));
    await waitFor(() => outcomes(loop.passes()).includes('refused'));
    expect(loop.file.writes).toBe(0);
    loop.judge.verdict = () => ({ kind: 'accepted', warnings: '' });
    await waitFor(() => outcomes(loop.passes()).includes('reloaded'));
    expect(loop.passes().at(-1)?.triggers).toContain('retry');
  });

  test('tries a failed reload again by itself, with the last good file in place meanwhile', async () => {
    await using loop = setUp();
    loop.template(TEMPLATE);
    loop.snapshot(server('a', 80));
    await waitFor(() => loop.haproxy.reloads === 1);
    loop.haproxy.failNext = 'cannot bind';
    loop.put(server('b', 81));
    await waitFor(() => outcomes(loop.passes()).includes('failed'));
    expect(loop.file.text).toBe(withMark('10.0.0.1:80\n'));
    await waitFor(() => loop.file.text === withMark('10.0.0.1:80\n10.0.0.1:81\n'));
    await waitFor(() => outcomes(loop.passes()).includes('reloaded'));
  });

  test('puts right what somebody else had HAProxy load', async () => {
    await using loop = setUp();
    loop.template(TEMPLATE);
    loop.snapshot(server('a', 80));
    await waitFor(() => outcomes(loop.passes()).includes('reloaded'));
    loop.haproxy.mark = 'feedfeedfeedfeed';
    loop.haproxy.changed();
    await waitFor(() => loop.haproxy.reloads === 2);
    expect(loop.said.kinds()).toContain('haproxy-drift');
    expect(loop.file.writes).toBe(1);
  });

  test('turns at least every second', async () => {
    await using loop = setUp();
    const first = loop.reconciler.turns.last;
    await waitFor(() => loop.reconciler.turns.last > first, { timeout: 5000 });
  });

  test('a text that becomes the file late does not make good what was drawn, and failed, after it', async () => {
    const template =
      '{% for s in services %}backend be_{{ s.name }}\n{% for i in s.instances %}  server {{ i.id }} {{ i.address }}{{ " weight " ~ i.meta.cost.now if i.meta.cost is defined else "" }}\n{% endfor %}{% endfor %}';
    await using loop = setUp({ apply: 'auto' });
    loop.template(template);
    loop.snapshot(server('a', 80));
    await waitFor(() => outcomes(loop.passes()).includes('reloaded'));
    let go: () => void = () => {};
    const { check } = loop.judge;
    loop.judge.check = (text) =>
      new Promise((resolve) => {
        go = () => resolve(check.call(loop.judge, text));
      });
    loop.put(server('b', 81));
    await waitFor(() => loop.passes().at(-1)?.outcome === 'runtime');
    const odd = JSON.stringify({ host: '10.0.0.2', port: 80, cost: { later: 1 } });
    const before = loop.reconciler.turns.last;
    loop.put(entry('/services/odd/one', odd, 82), entry('/services/new/one', '10.0.0.3:80', 82));
    await waitFor(() => loop.reconciler.turns.last > before, { every: 1 });
    loop.judge.check = check;
    go();
    await waitFor(() => loop.file.text?.includes('be_new') === true);
    expect(loop.file.text).not.toContain('be_odd');
    expect(loop.said.kinds()).toContain('quarantined');
    expect(loop.said.kinds()).not.toContain('nobody-quarantined');
  });

  test('a file that cannot be written is tried again with growing pauses, while HAProxy runs what it should', async () => {
    await using loop = setUp({ apply: 'auto' });
    loop.template(
      '{% for s in services %}backend be_{{ s.name }}\n{% for i in s.instances %}  server {{ i.id }} {{ i.address }}\n{% endfor %}{% endfor %}',
    );
    loop.snapshot(server('a', 80));
    await waitFor(() => outcomes(loop.passes()).includes('reloaded'));
    const tries: number[] = [];
    Object.defineProperty(loop.file, 'failure', {
      get: () => {
        tries.push(performance.now());
        return new SystemError('the disk is full');
      },
    });
    loop.put(server('b', 81));
    await waitFor(() => tries.length === 6, { timeout: 15_000 });
    // Asked twice in each try: whether, and what. The second pause is of 2 s.
    const [, , second = 0, , third = 0] = tries;
    expect(third - second).toBeGreaterThan(1900);
    expect(loop.passes().at(-1)?.applied).toMatchObject({ kind: 'verified' });
  });
});
