import { createServer } from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import {
  type AnnounceContainersOptions,
  ContainerAnnouncer,
} from '../../../src/announce/docker/announce-containers.ts';
import { allThatAsk } from '../../../src/announce/docker/which-containers.ts';
import { waitFor } from '../../support/haproxy.ts';
import { at, LossyEngine } from './lossy-engine.ts';

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) {
    await end();
  }
});

const WEB = { labels: { 'pointsman.service': 'web' } };

/** Announces what an engine runs; gives every set that was wanted, as `name[ drain]` of each, and what was told. */
function announce(engine: LossyEngine, options: Partial<AnnounceContainersOptions> = {}) {
  const wanted: string[] = [];
  const told: string[] = [];
  const announcer = new ContainerAnnouncer({
    engine,
    ...allThatAsk(false),
    host: { address: { host: '127.0.0.1', family: 'ipv4' }, name: 'host', machine: 'm' },
    drain: 30,
    want: (all) =>
      wanted.push(
        all.map(({ instance, drain }) => `${instance.split(':')[1]}${drain ? ' drain' : ''}`).join(),
      ),
    tell: (news) => told.push(news.kind === 'health' ? `${news.what}: ${news.health.kind}` : news.kind),
    ...options,
  });
  const end = new AbortController();
  const running = announcer.run(end.signal);
  const stop = async () => {
    end.abort();
    await running;
  };
  ends.push(stop);
  return { wanted, told, announcer, stop };
}

/** An HTTP server that answers with a status that may be changed. */
async function startPage(status: number) {
  const page = { status, port: 0, asked: 0 };
  const server = createServer((_, response) => {
    page.asked++;
    response.writeHead(page.status).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  page.port = typeof address === 'object' && address ? address.port : 0;
  ends.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return page;
}

describe('ContainerAnnouncer', () => {
  test('a checked container is in while its check is good, at the check of its label', async () => {
    const page = await startPage(503);
    const engine = new LossyEngine();
    const labels = {
      ...WEB.labels,
      'pointsman.check': '/up',
      'pointsman.check.every': '20ms',
      'pointsman.check.fall': '2',
    };
    engine.set(at('a', page.port, { labels }));
    engine.set(at('b', 1, WEB));
    const { wanted, told } = announce(engine);
    await waitFor(() => wanted.join(' | ') === 'b');
    page.status = 200;
    await waitFor(() => wanted.at(-1) === 'a,b');
    page.status = 500;
    await waitFor(() => wanted.at(-1) === 'b');
    engine.containers.delete('a');
    engine.tell('die', 'a');
    await waitFor(() => told.at(-1) === 'unchecked');
    const { asked } = page;
    engine.set(at('b', 2, WEB));
    engine.tell('start', 'b');
    await waitFor(() => wanted.length === 4);
    expect(page.asked - asked, 'who is gone is not checked any more').toBeLessThan(2);
    expect(told.filter((text) => text.includes(':'))).toEqual([
      'web in a: unwell',
      'web in a: well',
      'web in a: unwell',
    ]);
  });

  test('the first set has what is well already: nothing that stands in the store is taken out for a check that has just begun', async () => {
    const page = await startPage(200);
    const engine = new LossyEngine();
    engine.set(at('a', page.port, { labels: { ...WEB.labels, 'pointsman.check': '/' } }));
    engine.set(at('b', 1, WEB));
    const { wanted } = announce(engine);
    await waitFor(() => wanted.length > 0);
    expect(wanted).toEqual(['a,b']);
  });

  test('who lives on long after its stop signal is in again, and who was started anew is so at once', async () => {
    const engine = new LossyEngine();
    engine.set(at('a', 1, { ...WEB, stopTimeout: 0 }));
    engine.set(at('b', 2, { ...WEB, stopTimeout: -1 }));
    const { wanted, told } = announce(engine, { livesOn: 100 });
    await waitFor(() => wanted.at(-1) === 'a,b');
    engine.tell('kill', 'a', 15);
    engine.tell('kill', 'b', 15);
    await waitFor(() => told.includes('lives-on'));
    await waitFor(() => wanted.at(-1) === 'a');
    expect(wanted).toContain('a drain,b drain');
    expect(wanted).toContain('');
    engine.set(at('b', 3, { ...WEB, stopTimeout: -1, startedAt: 'later' }));
    engine.tell('start', 'b');
    await waitFor(() => wanted.at(-1) === 'a,b');
    expect(told.filter((kind) => kind === 'ending' || kind === 'lives-on')).toEqual([
      'ending',
      'ending',
      'lives-on',
    ]);
  });

  test('signal 9 leaves no time to drain', async () => {
    const engine = new LossyEngine();
    engine.set(at('a', 1, WEB));
    const { wanted } = announce(engine);
    await waitFor(() => wanted.at(-1) === 'a');
    engine.tell('kill', 'a', 9);
    await waitFor(() => wanted.at(-1) === '');
    expect(wanted).toEqual(['a', '']);
  });

  test("the engine's own health check decides; one that begins anew because the engine did takes nobody out", async () => {
    const engine = new LossyEngine();
    engine.set(at('a', 1, { ...WEB, health: 'starting' }));
    engine.set(at('b', 1, WEB));
    const { wanted, told } = announce(engine);
    await waitFor(() => wanted.at(-1) === 'b');
    const become = (health: 'starting' | 'healthy' | 'unhealthy', startedAt = 'first') => {
      engine.set(at('a', 1, { ...WEB, health, startedAt }));
      engine.tell('health_status', 'a');
    };
    become('healthy');
    await waitFor(() => wanted.at(-1) === 'a,b');
    become('starting');
    engine.set(at('b', 2, WEB));
    engine.tell('start', 'b');
    await waitFor(() => wanted.length === 3);
    expect(wanted.at(-1)).toBe('a,b');
    become('unhealthy');
    await waitFor(() => wanted.at(-1) === 'b');
    become('healthy');
    await waitFor(() => wanted.at(-1) === 'a,b');
    become('starting', 'second');
    await waitFor(() => wanted.at(-1) === 'b');
    expect(told.filter((text) => text.startsWith('container a:'))).toEqual([
      'container a: unwell',
      'container a: well',
      'container a: unwell',
      'container a: well',
      'container a: unwell',
    ]);
  });

  test('leave() drains all that runs, and what ends is out; after the end nothing is wanted any more', async () => {
    const engine = new LossyEngine();
    engine.set(at('a', 1, WEB));
    engine.set(at('b', 1, WEB));
    const { wanted, announcer, stop } = announce(engine);
    await waitFor(() => wanted.at(-1) === 'a,b');
    announcer.leave();
    expect(wanted.at(-1)).toBe('a drain,b drain');
    engine.containers.delete('b');
    engine.tell('die', 'b');
    await waitFor(() => wanted.at(-1) === 'a drain');
    await stop();
    expect(wanted).toHaveLength(3);
  });
});
