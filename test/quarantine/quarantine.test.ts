import { getEventListeners } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { PointsmanEvent } from '../../src/events.ts';
import { createNamedFiles } from '../../src/haproxy/named-files.ts';
import type { Entry } from '../../src/model/entry.ts';
import { ReadEntry } from '../../src/model/read-entry.ts';
import { splitMark } from '../../src/plan/mark.ts';
import type { Verdict } from '../../src/ports/judge.ts';
import type { NamedFiles } from '../../src/ports/named-files.ts';
import type { Source, SourceEvent } from '../../src/ports/source.ts';
import type { StateFile } from '../../src/ports/stores.ts';
import type { Templates } from '../../src/ports/templates.ts';
import { Reconciler, type ReconcilerOptions } from '../../src/reconcile/reconciler.ts';
import type { TemplateSet } from '../../src/render/template-set.ts';
import { FakeFile, FakeHaproxy, FakeJudge, recorder, servedAndDrawing } from '../reconcile/fakes.ts';
import { pushable } from '../reconcile/pushable.ts';
import { entry, OPTIONS } from '../support/catalog.ts';
import { tempFolder, waitFor } from '../support/haproxy.ts';

const TEMPLATE = [
  'global',
  '  limit {{ getv("/haproxy/limit", "1") }}',
  '{% for s in services %}',
  'backend be_{{ s.name }}',
  '{% for i in s.instances %}',
  '  server {{ i.id }} {{ i.address }} {{ i.meta.opt | default("") }}',
  '{% endfor %}',
  '{% endfor %}',
].join('\n');

/** Refuses every line that holds `bad`, as HAProxy does. */
function nameLines(fileText: string): Verdict {
  const lines = fileText.split('\n').flatMap((line, at) => (/\bbad\b/.test(line) ? [at + 1] : []));
  if (lines.length === 0) {
    return { kind: 'accepted', warnings: '' };
  }
  const said = lines.map(
    (line) => `[ALERT]    (1) : config : parsing [/h.cfg:${line}] : unknown keyword 'bad'.`,
  );
  return { kind: 'refused', output: said.join('\n'), lines };
}

const nameNothing =
  (pattern: RegExp) =>
  (fileText: string): Verdict =>
    pattern.test(fileText)
      ? { kind: 'refused', output: '[ALERT]    (1) : config : it is wrong.', lines: [] }
      : { kind: 'accepted', warnings: '' };

function setUp(
  options: {
    file?: StateFile;
    template?: string;
    quarantine?: ReconcilerOptions['quarantine'];
    cached?: readonly Entry[];
    sinceGood?: ReadonlyMap<string, Entry | undefined>;
    namedFiles?: NamedFiles;
  } = {},
) {
  const [events, sets] = [pushable<SourceEvent>(), pushable<TemplateSet>()];
  const setOf = (text: string) => ({ folder: '/t', entry: 'a.njk', files: new Map([['a.njk', text]]) });
  const source: Source = { name: 'fake', read: async () => [], watch: events.watch };
  const templates: Templates = { read: async () => setOf(TEMPLATE), watch: sets.watch };
  const file = new FakeFile();
  const [haproxy, judge, said] = [new FakeHaproxy(file), new FakeJudge(), recorder()];
  judge.verdict = nameLines;
  const { emit } = said;
  const { served, drawing } = servedAndDrawing(emit);
  served.apply(
    (options.cached ?? []).map((one) => ({ kind: 'put', entry: ReadEntry.of(one, OPTIONS.grammar) })),
  );
  if (options.cached) {
    served.differsBy(options.sinceGood ?? new Map());
  }
  const state = options.file ?? memoryFile();
  const loop = new Reconciler({
    ...{ source, templates, served, drawing, judge, file, haproxy, emit },
    target: 'haproxy',
    pace: { quiet: 0, maxWait: 0, reloadInterval: 0 },
    quarantine: { file: state, retry: 50, ...options.quarantine },
    ...(options.namedFiles ? { namedFiles: options.namedFiles } : {}),
  });
  const stop = new AbortController();
  const running = loop.run(stop.signal);
  let revision = 1n;
  sets.push(setOf(options.template ?? TEMPLATE));
  return {
    ...{ judge, said, served, drawing, state, file },
    text: () => splitMark(file.text ?? '').text,
    template: (text: string) => sets.push(setOf(text)),
    snapshot: (...entries: Entry[]) => events.push({ kind: 'snapshot', entries, revision: revision++ }),
    put: (...entries: Entry[]) =>
      events.push({
        kind: 'changes',
        changes: entries.map((one) => ({ kind: 'put', entry: one })),
        revision: revision++,
      }),
    delete: (key: string) =>
      events.push({ kind: 'changes', changes: [{ kind: 'delete', key }], revision: revision++ }),
    of: <K extends PointsmanEvent['kind']>(kind: K) =>
      said.events.filter((event): event is Extract<PointsmanEvent, { kind: K }> => event.kind === kind),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}

function memoryFile(): StateFile & { text: string | null } {
  return {
    path: '/state/quarantine.json',
    text: null,
    async read() {
      return this.text;
    },
    async write(text) {
      this.text = text;
    },
  };
}

let port = 1;
const server = (service: string, id: string, opt?: string): Entry =>
  entry(`/services/${service}/${id}`, { host: '10.0.0.1', port: port++, ...(opt ? { opt } : {}) }, port);
const many = (count: number) => Array.from({ length: count }, (_, at) => server(`s${at}`, 'a'));

describe('Quarantine', () => {
  test('sets aside by line: one check more, the others go out, the words are shown', async () => {
    await using loop = setUp();
    loop.snapshot(server('web', 'a', 'ok'));
    await waitFor(() => loop.text().includes('server a'));
    const before = loop.judge.asked.length;
    loop.put(server('web', 'a', 'bad'), ...many(50));
    await waitFor(() => loop.text().includes('be_s49'));
    expect(loop.text()).toMatch(/be_web\n {2}server a \S+ ok/);
    expect(loop.of('quarantined')[0]?.units).toMatchObject([
      { unit: 'instances of web', keys: ['/services/web/a'], instead: 'last good' },
    ]);
    expect(loop.of('quarantined')[0]?.units[0]?.reason).toMatch(
      /^parsing \[\/h\.cfg:\d+\] : unknown keyword/,
    );
    expect(loop.judge.asked.length - before).toBeLessThanOrEqual(3);
  });

  test('a search that is over listens to nobody: what it knew is not kept', async () => {
    await using loop = setUp({ quarantine: { retry: 60_000 } });
    const signals = new Set<AbortSignal>();
    const { judge } = loop;
    const check = judge.check.bind(judge);
    Object.assign(judge, {
      async check(text: string, signal: AbortSignal) {
        signals.add(signal);
        return check(text);
      },
    });
    loop.snapshot(server('web', 'a', 'ok'));
    await waitFor(() => loop.text().includes('server a'));
    const searches = 20;
    for (let count = 1; count <= searches; count++) {
      loop.put(server(`s${count}`, 'a', 'bad'), server(`t${count}`, 'a'));
      await waitFor(() => loop.text().includes(`be_t${count}`));
    }
    expect(loop.served.refused).toHaveLength(searches);
    // The first one is that of the loop itself, which others listen to for as long as that lives.
    const [, ...searched] = signals;
    expect(searched.length).toBeGreaterThanOrEqual(searches);
    // What is set aside may be tried again just now.
    const listeners = () => searched.filter((signal) => getEventListeners(signal, 'abort').length > 0);
    await waitFor(() => listeners().length === 0, { timeout: 20_000 });
  });

  test('finds by halving what nobody names, within its budget', async () => {
    await using loop = setUp({ quarantine: { retry: 60_000 } });
    loop.snapshot(server('web', 'a'));
    await waitFor(() => loop.text().includes('server a'));
    loop.judge.verdict = nameNothing(/be_s77\b/);
    const before = loop.judge.asked.length;
    loop.put(...many(200));
    await waitFor(() => loop.text().includes('be_s199'));
    expect(loop.text()).not.toContain('be_s77');
    expect(loop.judge.asked.length - before).toBeLessThanOrEqual(2 * 2 + 8);
    expect(loop.served.refused.map(({ unit }) => unit.id)).toEqual(['instances of s77']);
  });

  test('keeps the first of two changes that are bad only together', async () => {
    await using loop = setUp({ quarantine: { retry: 60_000 } });
    loop.snapshot(server('web', 'a'));
    await waitFor(() => loop.text().includes('server a'));
    loop.judge.verdict = nameNothing(/be_one\b[\s\S]*be_two\b/);
    loop.put(server('one', 'a'), server('two', 'a'), server('zoo', 'a'));
    await waitFor(() => loop.text().includes('be_zoo'));
    expect(loop.text()).toContain('be_one');
    expect(loop.text()).not.toContain('be_two');
  });

  test('sets aside a bad free key, and takes it as soon as it is right', async () => {
    await using loop = setUp();
    loop.snapshot(server('web', 'a'), entry('/haproxy/limit', '5'));
    await waitFor(() => loop.text().includes('limit 5'));
    loop.put(entry('/haproxy/limit', 'bad'), server('web', 'b'));
    await waitFor(() => loop.text().includes('server b'));
    expect(loop.text()).toContain('limit 5');
    loop.put(entry('/haproxy/limit', '7'));
    await waitFor(() => loop.text().includes('limit 7'));
    expect(loop.of('quarantine-released')).toEqual([
      { kind: 'quarantine-released', units: ['key /haproxy/limit'] },
    ]);
  });

  test('sets aside the keys that an error of the template names with one rendering for each', async () => {
    await using loop = setUp({
      template: `{% for pair in gets("/haproxy/*") %}# {{ pair.value }}\n{% endfor %}${TEMPLATE}`,
      quarantine: { retry: 60_000 },
    });
    loop.snapshot(server('web', 'a'), entry('/haproxy/k7', 'good'));
    await waitFor(() => loop.text().includes('# good'));
    let renders = 0;
    const render = loop.drawing.tryRender.bind(loop.drawing);
    Object.assign(loop.drawing, {
      tryRender(...args: Parameters<typeof render>) {
        renders++;
        return render(...args);
      },
    });
    const bad = Array.from({ length: 30 }, (_, at) => entry(`/haproxy/k${at}`, 'two\nlines'));
    loop.put(...bad, entry('/haproxy/z', 'right'), ...many(300));
    await waitFor(() => loop.text().includes('# right'));
    expect(renders).toBeLessThanOrEqual(bad.length + 2);
    expect(loop.text()).toContain('# good');
    expect(loop.text()).toContain('be_s299');
    expect(loop.served.refused.map(({ unit }) => unit.id).sort()).toEqual(
      bad.map(({ key }) => `key ${key}`).sort(),
    );
    expect(loop.of('quarantined')[0]?.units[0]?.reason).toContain('holds a line break');
  });

  test('blames a service for which the template fails, and the template where it fails for the last good keys', async () => {
    await using loop = setUp();
    loop.snapshot(server('web', 'a', 'ok'));
    await waitFor(() => loop.text().includes('server a'));
    loop.template(TEMPLATE.replace(' | default("")', ''));
    loop.put(server('web', 'b', 'ok'));
    await waitFor(() => loop.text().includes('server b'));
    loop.put(server('api', 'x'), server('zoo', 'z', 'ok'));
    await waitFor(() => loop.text().includes('be_zoo'));
    expect(loop.text()).not.toContain('be_api');
    expect(loop.of('template-error')).toEqual([]);
    expect(loop.of('quarantined').at(-1)?.units).toMatchObject([
      { unit: 'instances of api', instead: 'nothing', reason: expect.stringContaining('meta.opt') },
    ]);
    loop.template(`${TEMPLATE}\nbad line`);
    await waitFor(() => loop.of('template-error').length > 0);
    loop.put(server('web', 'c', 'ok'));
    await waitFor(() => loop.text().includes('server c'));
    expect(loop.text()).not.toContain('bad');
    loop.template(`${TEMPLATE}\ngood line`);
    await waitFor(() => loop.text().includes('good line'));
    expect(loop.of('template-mended')).toHaveLength(1);
    await waitFor(() => loop.text().includes('be_api'));
  });

  test('keeps a name that the template cannot do without, although it goes', async () => {
    await using loop = setUp();
    loop.template(`${TEMPLATE}\ndefault {{ service("web").name }}\n`);
    loop.snapshot(server('web', 'a'), server('api', 'a'));
    await waitFor(() => loop.text().includes('default web'));
    loop.delete('/services/web/a');
    loop.put(server('api', 'b'));
    await waitFor(() => loop.text().includes('server b'));
    expect(loop.text()).toContain('be_web\n  server a');
    loop.put(server('web', 'new'));
    await waitFor(() => loop.text().includes('server new'));
    expect(loop.text()).toMatch(/be_web\n {2}server new \S+ \n/);
    expect(loop.served.refused.length).toBe(0);
  });

  test('moves the instances of a service that is set aside, under new names too', async () => {
    await using loop = setUp({ quarantine: { retry: 60_000 } });
    loop.snapshot(server('web', 'a', 'ok'));
    await waitFor(() => loop.text().includes('server a'));
    loop.put(server('web', 'a', 'bad'));
    await waitFor(() => loop.served.refused.length === 1);
    loop.put(entry('/services/web/b', { host: '10.0.0.8', port: 80, opt: 'bad' }));
    loop.delete('/services/web/a');
    await waitFor(() => loop.text().includes('be_web\n  server b 10.0.0.8:80 ok\n'));
    expect(loop.text()).not.toContain('server a');
  });

  test('blames nobody where the last good text is refused too', async () => {
    await using loop = setUp();
    loop.snapshot(server('web', 'a'));
    await waitFor(() => loop.text().includes('server a'));
    loop.judge.verdict = nameNothing(/./);
    loop.put(server('web', 'b'));
    await waitFor(() => loop.of('nobody-quarantined').length > 0);
    expect(loop.of('nobody-quarantined')[0]).toMatchObject({ fault: 'check' });
    expect(loop.of('quarantined')).toEqual([]);
    loop.judge.verdict = nameLines;
    await waitFor(() => loop.text().includes('server b'));
  });

  test('does not empty a first configuration because of its template', async () => {
    await using loop = setUp({ template: TEMPLATE.replace('{{ i.address }}', '{{ i.address }} bad') });
    loop.snapshot(...many(4));
    await waitFor(() => loop.of('nobody-quarantined').length > 0);
    expect(loop.of('nobody-quarantined')[0]).toMatchObject({ fault: 'template' });
    expect(loop.file.text).toBeNull();
  });

  test('says what HAProxy said of the real text, and who judged it, where not even an empty tree can be drawn', async () => {
    await using loop = setUp({
      quarantine: { checkCommand: 'podman exec hap haproxy -c -f {config}' },
      template: `${TEMPLATE}\ndefault {{ service("web").name }}\n`,
    });
    loop.judge.verdict = () => ({
      kind: 'refused',
      output:
        "[ALERT]    (1) : config : parsing [/h.cfg:1] : 'bind' : unable to stat SSL certificate from file '/not/here.pem'",
      lines: [1],
    });
    loop.snapshot(server('web', 'a'));
    await waitFor(() => loop.of('nobody-quarantined').length > 0);
    const [said] = loop.of('nobody-quarantined');
    expect(said).toMatchObject({ fault: 'template' });
    expect(said?.message).toContain("unable to stat SSL certificate from file '/not/here.pem'");
    expect(said?.message).toContain('said by podman exec hap haproxy -c -f {config}');
    expect(said?.message).not.toContain('there is no service');
  });

  test('goes on behind the loop where it takes too long, and sets aside then', async () => {
    await using loop = setUp({ quarantine: { retry: 60_000 } });
    loop.snapshot(server('web', 'a'));
    await waitFor(() => loop.text().includes('server a'));
    loop.judge.verdict = nameNothing(/be_s(3|33|51|12)\n/);
    loop.put(...many(60));
    await waitFor(() => loop.of('nobody-quarantined').length > 0);
    expect(loop.of('nobody-quarantined')[0]).toMatchObject({ fault: 'unknown' });
    await waitFor(() => loop.text().includes('be_s59'));
    expect(loop.served.refused.length).toBe(4);
  });

  test('keeps the last good form through a restart, and tries again with pauses', async () => {
    const file = memoryFile();
    const bad = server('web', 'a', 'bad');
    {
      await using loop = setUp({ file });
      loop.snapshot(server('web', 'a', 'ok'));
      await waitFor(() => loop.text().includes(' ok'));
      loop.put(bad);
      await waitFor(() => file.text !== null);
    }
    await using loop = setUp({ file });
    loop.snapshot(bad, server('api', 'a'));
    await waitFor(() => loop.text().includes('be_api'));
    expect(loop.text()).toMatch(/server a \S+ ok/);
    expect(loop.of('check-refused')).toEqual([]);
    expect(loop.of('quarantined')[0]?.units).toMatchObject([
      { unit: 'instances of web', instead: 'last good' },
    ]);
    loop.judge.verdict = () => ({ kind: 'accepted', warnings: '' });
    await waitFor(() => /server a \S+ bad/.test(loop.text()));
    expect(loop.served.refused.length).toBe(0);
  });

  test('leaves out only the bad instance of a service that is new', async () => {
    await using loop = setUp();
    loop.snapshot(server('web', 'a', 'ok'), server('web', 'b', 'bad'), server('web', 'c'));
    await waitFor(() => loop.text().includes('server c'));
    expect(loop.text()).toContain('server a');
    expect(loop.text()).not.toContain('server b');
  });

  test('leaves out a new service with a bad route, however many instances it has', async () => {
    const template = TEMPLATE.replace('{{ s.name }}', '{{ s.name }}\n  {{ s.meta.line | default("") }}');
    await using loop = setUp({ template });
    const route = entry('/routes/web', { meta: { line: 'bad' } }, 1);
    loop.snapshot(route, server('web', 'a'), server('web', 'b'), server('web', 'c'), server('api', 'a'));
    await waitFor(() => loop.of('quarantined').length + loop.of('nobody-quarantined').length > 0);
    expect(loop.of('nobody-quarantined')).toEqual([]);
    await waitFor(() => loop.text().includes('be_api'));
    expect(loop.text()).not.toContain('be_web');
  });

  test('compares a first tree with what an earlier run believed last', async () => {
    const cached = [entry('/services/web/a', { host: '10.0.0.1', port: 80, opt: 'ok' })];
    await using loop = setUp({ cached });
    loop.snapshot(entry('/services/web/a', { host: '10.0.0.1', port: 80, opt: 'bad' }), server('api', 'a'));
    await waitFor(() => loop.text().includes('be_api'));
    expect(loop.text()).toMatch(/server a \S+ ok/);
  });

  test('does not take what an earlier run never accepted for the last good tree', async () => {
    const web = (opt: string) => entry('/services/web/a', { host: '10.0.0.1', port: 80, opt });
    const sinceGood = new Map([['/services/web/a', web('ok')]]);
    await using loop = setUp({ cached: [web('bad')], sinceGood });
    loop.snapshot(web('bad'), server('api', 'a'));
    await waitFor(() => loop.text().includes('be_api'));
    expect(loop.text()).toMatch(/server a \S+ ok/);
    expect(loop.of('nobody-quarantined')).toEqual([]);
  });

  test('finds a value that was in no text until another key left its address', async () => {
    await using loop = setUp();
    const at = { host: '10.0.9.9', port: 80 };
    const loser = entry('/services/web/late', { ...at, opt: 'bad' }, 1);
    loop.snapshot(server('web', 'a', 'ok'), loser, entry('/services/api/b', at, 2));
    await waitFor(() => loop.text().includes('server b'));
    loop.put(server('zoo', 'c'));
    await waitFor(() => loop.text().includes('server c'));
    loop.delete('/services/api/b');
    await waitFor(() => loop.of('quarantined').length > 0);
    expect(loop.of('quarantined').flatMap(({ units }) => units)).toMatchObject([
      { unit: 'instances of web', keys: ['/services/web/late'], instead: 'last good' },
    ]);
    loop.put(server('new', 'd'));
    await waitFor(() => loop.text().includes('server d'));
    expect(loop.text()).toMatch(/server late 10.0.9.9:80 ok/);
    expect(loop.text()).not.toContain('server b ');
  });

  test('tries again at once what another key makes right, and what is right only together', async () => {
    await using loop = setUp({
      quarantine: { retry: 60_000 },
      template: `${TEMPLATE}
{% for h in lsdir("/haproxy/web") %}
  member {{ h }} {{ getv("/haproxy/web/" ~ h ~ "/ip") }}:{{ getv("/haproxy/web/" ~ h ~ "/port") }}
{% endfor %}
`,
    });
    const of = (host: string, part: string) => `/haproxy/web/${host}/${part}`;
    loop.snapshot(server('web', 'a'), entry(of('h1', 'ip'), '10.0.0.1'), entry(of('h1', 'port'), '1'));
    await waitFor(() => loop.text().includes('member h1 10.0.0.1:1'));
    loop.put(entry(of('h2', 'ip'), '10.0.0.2'));
    await waitFor(() => loop.served.refused.length === 1);
    loop.put(entry(of('h2', 'port'), '2'));
    await waitFor(() => loop.text().includes('member h2 10.0.0.2:2'));
    await waitFor(() => loop.served.refused.length === 0);
    loop.delete(of('h1', 'port'));
    await waitFor(() => loop.served.refused.length === 1);
    loop.delete(of('h1', 'ip'));
    await waitFor(() => !loop.text().includes('member h1'));
    await waitFor(() => loop.served.refused.length === 0);
  });

  test('tries again at once what another file makes right that only it names, after a restart too', async () => {
    await using folder = await tempFolder();
    const ca = path.join(folder.path, 'ca.pem');
    const hold = (text: string) => writeFileSync(ca, text);
    const refuseHalf = (fileText: string): Verdict =>
      readFileSync(ca, 'utf8') === 'half'
        ? nameLines(fileText.replaceAll('ca-file', 'bad'))
        : { kind: 'accepted', warnings: '' };
    const state = memoryFile();
    const files = createNamedFiles();
    /** How often it was looked at that file. */
    let looks = 0;
    const namedFiles: NamedFiles = {
      async look(...named) {
        const found = await files.look(...named);
        looks += found.has(ca) ? 1 : 0;
        return found;
      },
    };
    const isLookedAt = async () => {
      const before = looks;
      await waitFor(() => looks > before, { timeout: 20_000 });
    };
    const withFile = server('web', 'b', `ssl ca-file ${ca}`);
    const options = { file: state, quarantine: { retry: 60_000 }, namedFiles };
    /** A life in which what names the file was refused. */
    const refused = async () => {
      const loop = setUp(options);
      loop.judge.verdict = refuseHalf;
      loop.snapshot(server('web', 'a'));
      await waitFor(() => loop.text().includes('server a'));
      loop.put(withFile);
      await waitFor(() => loop.served.refused.length === 1);
      return loop;
    };
    hold('half');
    {
      await using loop = await refused();
      await isLookedAt();
      hold('good');
      await waitFor(() => loop.text().includes('ca-file'), { timeout: 20_000 });
    }
    hold('half');
    await (await refused())[Symbol.asyncDispose]();
    await using loop = setUp(options);
    loop.judge.verdict = refuseHalf;
    loop.snapshot(server('web', 'a'), server('web', 'c'), withFile);
    await isLookedAt();
    expect(loop.served.refused).toHaveLength(1);
    hold('good');
    await waitFor(() => loop.served.refused.length === 0, { timeout: 20_000 });
    await waitFor(() => loop.text().includes('ca-file'));
  });

  test('tries again at once what another template makes right', async () => {
    await using loop = setUp({ quarantine: { retry: 60_000 } });
    loop.snapshot(server('web', 'a'));
    await waitFor(() => loop.text().includes('server a'));
    loop.put(server('web', 'b', 'bad'));
    await waitFor(() => loop.served.refused.length === 1);
    loop.template(TEMPLATE.replace('i.meta.opt', 'i.meta.other'));
    await waitFor(() => loop.text().includes('server b'));
    await waitFor(() => loop.served.refused.length === 0);
  });

  test('ends a try that is under way where another template makes it right', async () => {
    await using loop = setUp();
    loop.snapshot(server('web', 'a', 'ok'));
    await waitFor(() => loop.text().includes('server a'));
    loop.put(server('web', 'a', 'bad'));
    await waitFor(() => loop.served.refused.length === 1);
    const { judge } = loop;
    const check = judge.check.bind(judge);
    let hangs = false;
    // The next try of the bad one hangs.
    Object.assign(judge, {
      async check(text: string, signal: AbortSignal) {
        if (/ bad$/m.test(text)) {
          hangs = true;
          await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
          signal.throwIfAborted();
        }
        return check(text);
      },
    });
    await waitFor(() => hangs);
    loop.template(TEMPLATE.replace('i.meta.opt', '"good" if i.meta.opt == "bad" else i.meta.opt'));
    await waitFor(() => loop.served.refused.length === 0);
    expect(loop.text()).toMatch(/server a \S+ good/);
  });

  test('costs nothing while everything is accepted', async () => {
    await using loop = setUp();
    loop.snapshot(server('web', 'a'));
    await waitFor(() => loop.text().includes('server a'));
    loop.put(server('web', 'b'));
    await waitFor(() => loop.text().includes('server b'));
    expect(loop.judge.asked).toHaveLength(2);
    await waitFor(() => loop.served.lastGood.differences.size === 0);
  });
});
