import { expect, test } from 'vitest';
import type { Entry } from '../../src/model/entry.ts';
import { splitMark } from '../../src/plan/mark.ts';
import { NO_OTHER_FILES } from '../../src/plan/other-files.ts';
import type { SourceEvent } from '../../src/ports/source.ts';
import { Reconciler } from '../../src/reconcile/reconciler.ts';
import type { TemplateSet } from '../../src/render/template-set.ts';
import { entry } from '../support/catalog.ts';
import { waitFor } from '../support/haproxy.ts';
import { FakeFile, FakeHaproxy, FakeJudge, recorder, servedAndDrawing } from './fakes.ts';
import { pushable } from './pushable.ts';

const TEMPLATE =
  '{% for s in services %}\nbackend be_{{ s.name }}\n{% for i in s.instances %}\n  server {{ i.id }} {{ i.address }}\n{% endfor %}\n{% endfor %}\n';
const SET: TemplateSet = { folder: '/t', entry: 'a.njk', files: new Map([['a.njk', TEMPLATE]]) };

test('servers go out at once in the pause between reloads, and what needs the reload after it', async () => {
  const [events, sets] = [pushable<SourceEvent>(), pushable<TemplateSet>()];
  const file = new FakeFile();
  const [haproxy, judge, { emit }] = [new FakeHaproxy(file), new FakeJudge(), recorder()];
  const { served, drawing } = servedAndDrawing(emit);
  let applied = 0;
  const loop = new Reconciler({
    ...{ served, drawing, judge, file, haproxy, emit },
    source: { name: 'fake', read: async () => [], watch: events.watch },
    templates: { read: async () => SET, watch: sets.watch },
    target: 'haproxy',
    pace: { quiet: 0, maxWait: 0, reloadInterval: 1000 },
    runtime: {
      ...{ newServers: 'up', drain: 0 },
      runtime: {
        usable: async () => ({ kind: 'yes', version: '3.0.11', otherFiles: NO_OTHER_FILES }),
        apply: async ({ mark, commands, expected }) => {
          applied += 1;
          haproxy.mark = mark;
          return { kind: 'applied', pid: expected.pid, commands: commands.length, lingering: 0 };
        },
        readBackAll: async () => ({ kind: 'same', servers: 0 }),
      },
    },
  });
  const stop = new AbortController();
  const running = loop.run(stop.signal);
  try {
    sets.push(SET);
    const web = (id: string, port: number): Entry => entry(`/services/web/${id}`, `10.0.0.1:${port}`, port);
    events.push({ kind: 'snapshot', entries: [web('a', 1)], revision: 1n });
    await waitFor(() => haproxy.reloads === 1);
    const changes = [web('b', 2), entry('/services/api/c', '10.0.0.2:3', 3)];
    events.push({
      kind: 'changes',
      changes: changes.map((one) => ({ kind: 'put', entry: one })),
      revision: 2n,
    });
    await waitFor(() => applied === 1, { what: 'the servers' });
    expect(haproxy.reloads).toBe(1);
    await waitFor(() => haproxy.reloads === 2, { what: 'the reload', timeout: 5000 });
    expect(splitMark(file.text ?? '').text).toContain('be_api');
  } finally {
    stop.abort();
    await running;
  }
});
