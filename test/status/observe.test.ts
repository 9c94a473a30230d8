import { expect, it } from 'vitest';
import { createBus } from '../../src/events.ts';
import { observe } from '../../src/status/observe.ts';
import { servicesView } from '../../src/status/services-view.ts';
import { atOnce } from '../../src/system/in-pieces.ts';
import { samplePass } from './sample-pass.ts';

const NO_SERVICES = {
  ...{ services: [], rejected: [], held: new Map(), kept: [], setAside: [], instanceOf: () => null },
  seen: { kind: 'unseen', why: 'of a test' },
} as const;

const neverAsked = () => Promise.reject(new Error('nobody asked'));

it('observe() shows the events of a bus in log, status and metrics, until it is disposed', async () => {
  const bus = createBus();
  const texts: string[] = [];
  const server = await observe({
    bus,
    version: '1.2.3',
    log: { level: 'info', format: 'json', terminal: false, stream: { write: (text) => texts.push(text) } },
    listen: { host: '127.0.0.1', port: 0 },
    hosts: [],
    certificates: async () => [],
    services: () => ({ plain: async () => atOnce(servicesView(NO_SERVICES)), detailed: neverAsked }),
    servicesInMetrics: 200,
    turns: {
      get last() {
        return performance.now();
      },
      overdue: null,
    },
  });
  bus.emit(samplePass());
  bus.emit(samplePass({ ms: 7 }));
  // The second one of the same kind waits for its second.
  expect(texts).toHaveLength(1);
  const ask = async (path: string) => (await fetch(server.url + path)).text();
  expect(JSON.parse(await ask('/api/status'))).toMatchObject({ ready: true, lastPass: { ms: 7 } });
  expect(await ask('/metrics')).toContain('pointsman_passes_total{outcome="reloaded"} 2\n');
  expect(await ask('/healthz')).toBe('healthy\n');

  await server[Symbol.asyncDispose]();
  expect(texts).toHaveLength(2);
  bus.emit({ kind: 'started' });
  expect(texts).toHaveLength(2);
});
