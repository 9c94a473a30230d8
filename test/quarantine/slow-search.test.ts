import { describe, expect, test } from 'vitest';
import type { PassEvent } from '../../src/events.ts';
import type { Entry } from '../../src/model/entry.ts';
import { hashText, splitMark } from '../../src/plan/mark.ts';
import { NO_OTHER_FILES } from '../../src/plan/other-files.ts';
import type { Judge, Verdict } from '../../src/ports/judge.ts';
import type { SourceEvent } from '../../src/ports/source.ts';
import { Reconciler } from '../../src/reconcile/reconciler.ts';
import type { TemplateSet } from '../../src/render/template-set.ts';
import { FakeFile, FakeHaproxy, recorder, servedAndDrawing } from '../reconcile/fakes.ts';
import { pushable } from '../reconcile/pushable.ts';
import { entry } from '../support/catalog.ts';
import { waitFor } from '../support/haproxy.ts';

const TEMPLATE = `{% for s in services %}
backend be_{{ s.name }}
{% for i in s.instances %}
  server {{ i.id }} {{ i.address }}
{% endfor %}
{% endfor %}
`;
const SET: TemplateSet = { folder: '/t', entry: 'a.njk', files: new Map([['a.njk', TEMPLATE]]) };
const REFUSED: Verdict = { kind: 'refused', output: '[ALERT]    (1) : config : it is wrong.', lines: [] };

/** Judges some texts only once it is let go on. */
class SlowJudge implements Judge {
  /** Texts that are refused. */
  bad: (text: string) => boolean = () => false;
  /** Texts that are judged at once. */
  quick: (text: string) => boolean = () => true;
  readonly #open = Promise.withResolvers<void>();

  goOn(): void {
    this.#open.resolve();
  }

  async check(fileText: string, signal: AbortSignal): Promise<Verdict> {
    if (!this.quick(fileText)) {
      await this.#open.promise;
      signal.throwIfAborted();
    }
    return this.bad(fileText) ? REFUSED : { kind: 'accepted', warnings: '' };
  }
}

const at = (service: number, id: string, port: number): Entry =>
  entry(`/services/s${service}/${id}`, `10.0.0.1:${port}`, port);
const SERVICES = Array.from({ length: 12 }, (_, number) => number + 1);
/** Each service has one server, */
const BEFORE = SERVICES.map((number) => at(number, 'a', 100 + number));
/** and gets another one: that of `s7` at the port that is refused. */
const CHANGE = SERVICES.map((number) => at(number, 'b', number === 7 ? 66 : 200 + number));
const serversIn = (text: string) => text.split('\n').filter((line) => /^ *server /.test(line)).length;
/** Parts of the change are not judged before the judge is let go on. */
const isNoPart = (text: string) => serversIn(text) >= 2 * SERVICES.length;

function setUp() {
  const [events, sets] = [pushable<SourceEvent>(), pushable<TemplateSet>()];
  const file = new FakeFile();
  const [haproxy, judge, said] = [new FakeHaproxy(file), new SlowJudge(), recorder()];
  const { served, drawing } = servedAndDrawing(said.emit);
  /** The marks that changes at run time led to. */
  const applied: string[] = [];
  const loop = new Reconciler({
    ...{ served, drawing, judge, file, haproxy, emit: said.emit },
    source: { name: 'fake', read: async () => [], watch: events.watch },
    templates: { read: async () => SET, watch: sets.watch },
    target: 'haproxy',
    pace: { quiet: 0, maxWait: 0, reloadInterval: 0 },
    quarantine: { patience: 50, retry: 60_000 },
    runtime: {
      ...{ newServers: 'up', drain: 0 },
      runtime: {
        usable: async () => ({ kind: 'yes', version: '3.0.11', otherFiles: NO_OTHER_FILES }),
        apply: async ({ mark, commands, expected }) => {
          applied.push(mark);
          haproxy.mark = mark;
          return { kind: 'applied', pid: expected.pid, commands: commands.length, lingering: 0 };
        },
        readBackAll: async () => ({ kind: 'same', servers: 0 }),
      },
    },
  });
  const stop = new AbortController();
  const running = loop.run(stop.signal);
  sets.push(SET);
  events.push({ kind: 'snapshot', entries: BEFORE, revision: 1n });
  return {
    ...{ file, haproxy, judge, applied, served },
    text: () => splitMark(file.text ?? '').text,
    put: (...entries: readonly Entry[]) =>
      events.push({
        kind: 'changes',
        changes: entries.map((one) => ({ kind: 'put', entry: one })),
        revision: 2n,
      }),
    count: (kind: string) => said.kinds().filter((one) => one === kind).length,
    passes: () => said.events.filter((one): one is PassEvent => one.kind === 'pass'),
    async [Symbol.asyncDispose]() {
      judge.goOn();
      stop.abort();
      await running;
    },
  };
}

describe('while a search goes on behind the loop', () => {
  test('what went out at run time stays and later servers go out, until it is known who is to blame', async () => {
    await using loop = setUp();
    await waitFor(() => loop.haproxy.reloads === 1);
    const installed = hashText(loop.text());
    loop.judge.bad = (text) => /:66\b/.test(text);
    loop.judge.quick = isNoPart;
    loop.put(...CHANGE);
    await waitFor(() => loop.count('nobody-quarantined') === 1);
    // Through another try of the file.
    await waitFor(() => loop.count('check-refused') === 2, { timeout: 10_000 });
    loop.put(at(1, 'c', 301));
    await waitFor(() => loop.applied.length === 2, { timeout: 10_000 });
    await waitFor(() => loop.count('check-refused') === 3, { timeout: 10_000 });
    expect(loop.haproxy.mark).toBe(loop.applied[1]);
    expect(hashText(loop.text())).toBe(installed);
    loop.judge.goOn();
    await waitFor(() => loop.text().includes('server c '), { timeout: 10_000 });
    expect(loop.text().match(/server b /g)).toHaveLength(SERVICES.length - 1);
    expect(loop.text()).not.toMatch(/:66\b/);
    expect(loop.served.refused.map(({ unit }) => unit.id)).toEqual(['instances of s7']);
    expect(loop.applied).not.toContain(installed);
    expect(loop.haproxy.reloads).toBe(1);
  });

  test('what turns out to be right becomes the file when the search ends, and not at the next try', async () => {
    await using loop = setUp();
    await waitFor(() => loop.haproxy.reloads === 1);
    let isMended = false;
    loop.judge.bad = (text) => !isMended && /:66\b/.test(text);
    loop.judge.quick = isNoPart;
    loop.put(...CHANGE);
    await waitFor(() => loop.count('nobody-quarantined') === 1 && loop.count('check-refused') === 2, {
      timeout: 10_000,
    });
    const before = loop.passes().length;
    isMended = true;
    loop.judge.goOn();
    await waitFor(() => loop.text().includes(':66'), { timeout: 10_000 });
    const ended = loop
      .passes()
      .slice(before)
      .find(({ triggers }) => triggers.includes('the search for what is refused ended'));
    expect(ended?.outcome).toBe('runtime');
    expect(loop.served.refused).toEqual([]);
    expect(loop.applied).toHaveLength(1);
  });
});
