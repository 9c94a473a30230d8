import { Agent, get } from 'node:http';
import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { PointsmanEvent } from '../../src/events.ts';
import { openMetrics } from '../../src/status/metrics.ts';
import { type OverdueStep, startStatusServer } from '../../src/status/server.ts';
import { hashOf } from '../../src/status/status.ts';
import { trackStatus } from '../../src/status/track-status.ts';
import { samplePass } from './sample-pass.ts';

const START = Date.parse('2026-01-01T00:00:00Z');
const STARTING: PointsmanEvent = {
  kind: 'starting',
  version: '1.2.3',
  mode: 'managed',
  sources: ['etcd http://a:1'],
  template: '/t.njk',
  target: '/h.cfg',
};

/** A server on a free port, with a clock that only tests move. */
async function start() {
  const clock = { now: START, turned: START, overdue: null as OverdueStep | null };
  const now = () => clock.now;
  const heartbeat = () => clock.turned;
  const keeper = trackStatus({ version: '1.2.3', now });
  const metrics = await openMetrics({ status: keeper.current, heartbeat, now });
  const server = await startStatusServer({
    listen: { host: '127.0.0.1', port: 0 },
    hosts: [],
    status: keeper.current,
    metrics,
    heartbeat,
    overdue: () => clock.overdue,
    now,
  });
  const tell = (...events: readonly PointsmanEvent[]) => {
    for (const event of events) {
      keeper.listener(event);
      metrics.listener(event);
    }
  };
  const ask = async (path: string, accept = '*/*') => {
    const answer = await fetch(server.url + path, { headers: { accept, connection: 'close' } });
    return { code: answer.status, text: await answer.text(), type: answer.headers.get('content-type') };
  };
  return { server, clock, tell, ask, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

/** A loop that turns until something in it blocks, as the real one does. */
function loop(clock: { now: number; turned: number }) {
  let free = Promise.resolve();
  let release = () => {};
  let over = false;
  const done = (async () => {
    while (!over) {
      clock.turned = clock.now;
      await free;
      await new Promise((resolve) => setImmediate(resolve));
    }
  })();
  return {
    block() {
      free = new Promise((resolve) => {
        release = resolve;
      });
    },
    release: () => {
      release();
      free = Promise.resolve();
    },
    async [Symbol.asyncDispose]() {
      over = true;
      release();
      await done;
    },
  };
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('/healthz', () => {
  it('is 200 while the loop turns, 503 once its last turn is over 10 s old, and 200 again when it goes on', async () => {
    await using app = await start();
    await using turning = loop(app.clock);
    app.clock.now += 60_000;
    await until(() => app.clock.turned === app.clock.now);
    expect(await app.ask('/healthz')).toMatchObject({ code: 200, text: 'healthy\n' });

    turning.block();
    await new Promise((resolve) => setImmediate(resolve));
    app.clock.now += 9_000;
    expect((await app.ask('/healthz')).code).toBe(200);
    app.clock.now += 3_000;
    expect(await app.ask('/healthz')).toMatchObject({
      code: 503,
      text: 'unhealthy\nthe loop last turned 12 s ago\n',
    });
    expect((await app.ask('/metrics')).text).toContain('pointsman_loop_turn_age_seconds 12\n');

    turning.release();
    await until(() => app.clock.turned === app.clock.now);
    expect((await app.ask('/healthz')).code).toBe(200);
  });

  it('is 503 with the name of a step that takes far longer than its limits', async () => {
    await using app = await start();
    app.clock.overdue = { step: 'the reload', ms: 185_000 };
    expect(await app.ask('/healthz')).toMatchObject({
      code: 503,
      text: 'unhealthy\nit is at work on the reload for 185 s\n',
    });
  });
});

describe('/readyz', () => {
  it('says what is missing, as text and as JSON, and is 200 once HAProxy runs a verified configuration', async () => {
    await using app = await start();
    app.tell(STARTING);
    expect(await app.ask('/readyz')).toEqual({
      code: 503,
      text: 'not ready\nnothing is applied yet: etcd http://a:1 is connecting\n',
      type: 'text/plain; charset=utf-8',
    });
    const json = await app.ask('/readyz', 'application/json');
    expect(json.code).toBe(503);
    expect(JSON.parse(json.text)).toEqual({
      status: 'not ready',
      missing: ['nothing is applied yet: etcd http://a:1 is connecting'],
    });
    app.tell(samplePass());
    expect(await app.ask('/readyz')).toMatchObject({ code: 200, text: 'ready\n' });
  });
});

describe('/api/status', () => {
  it('tells sources, counts, hashes, rejected keys, the last pass, the last error and HAProxy', async () => {
    await using app = await start();
    const facts = {
      pid: 7,
      mark: '2123456789abcdef',
      version: '3.0.11',
      reloads: 2,
      failedReloads: 1,
      oldWorkers: 0,
    };
    app.tell(
      STARTING,
      { kind: 'started' },
      { kind: 'source-state', source: 0, name: 'etcd http://a:1', state: 'live', error: null },
      {
        kind: 'source-data',
        source: 0,
        name: 'etcd http://a:1',
        what: 'snapshot',
        changed: 7,
        keys: 7,
        revision: '42',
      },
      { kind: 'keys-rejected', rejected: [{ key: '/services/web/1', value: 'foo', reason: 'no port' }] },
      { kind: 'reload-failed', message: 'port taken', failures: 1, retryInMs: 500 },
      { kind: 'haproxy-appeared', state: { kind: 'running', ...facts } },
      samplePass(),
    );
    app.clock.now += 5_000;
    const { code, text } = await app.ask('/api/status');
    expect(code).toBe(200);
    const { kind: _, ...pass } = samplePass();
    expect(JSON.parse(text)).toEqual({
      ready: true,
      ledgerError: null,
      remarks: [],
      massClaims: [],
      judge: { version: null, trouble: null },
      ahead: null,
      missing: [],
      paused: null,
      rollback: null,
      version: '1.2.3',
      life: 'running',
      mode: 'managed',
      target: '/h.cfg',
      template: { path: '/t.njk', error: null },
      settings: { path: null, error: null, restart: [] },
      startedAt: '2026-01-01T00:00:00.000Z',
      uptimeSeconds: 5,
      loop: { turnAgeSeconds: 5 },
      counts: pass.counts,
      hashes: { ...pass.hashes, running: '2123456789abcdef' },
      applied: pass.applied,
      pending: null,
      sources: [
        {
          name: 'etcd http://a:1',
          state: 'live',
          error: null,
          refused: [],
          keys: 7,
          revision: '42',
          stateAgeSeconds: 5,
          dataAgeSeconds: 5,
        },
      ],
      haproxy: { state: 'running', ageSeconds: 5, ...facts },
      stale: false,
      cache: null,
      held: [],
      setByHand: [],
      quarantined: [],
      kept: [],
      rejected: [{ key: '/services/web/1', value: 'foo', reason: 'no port' }],
      lastPass: { at: '2026-01-01T00:00:00.000Z', ageSeconds: 5, kind: 'pass', ...pass },
      lastApply: { at: '2026-01-01T00:00:00.000Z', ageSeconds: 5, kind: 'pass', ...pass },
      passes: [{ at: '2026-01-01T00:00:00.000Z', ageSeconds: 5, kind: 'pass', ...pass }],
      lastHandEdit: null,
      lastError: {
        at: '2026-01-01T00:00:00.000Z',
        ageSeconds: 5,
        event: 'reload-failed',
        message: 'the reload failed (again in 500 ms): port taken',
      },
    });
  });
});

describe('startStatusServer()', () => {
  it('names the setting where the port is taken', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    try {
      const address = other.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      const start = startStatusServer({
        listen: { host: '127.0.0.1', port },
        hosts: [],
        status: trackStatus({ version: '1', now: Date.now }).current,
        metrics: { read: async () => ({ text: '', contentType: 'text/plain' }) },
        heartbeat: Date.now,
        overdue: () => null,
        now: Date.now,
      });
      await expect(start).rejects.toMatchObject({
        code: 'system',
        message: `opening the status server on 127.0.0.1:${port}: another process listens there`,
        hint: expect.stringContaining('status.listen (POINTSMAN_STATUS_LISTEN)'),
      });
    } finally {
      await new Promise((resolve) => other.close(resolve));
    }
  });

  it('closes at once, with a kept-alive connection too', async () => {
    const app = await start();
    const agent = new Agent({ keepAlive: true });
    try {
      await new Promise<void>((resolve, reject) => {
        get(`${app.server.url}/healthz`, { agent }, (answer) => answer.resume().on('end', resolve)).on(
          'error',
          reject,
        );
      });
      const before = performance.now();
      await app.server[Symbol.asyncDispose]();
      expect(performance.now() - before).toBeLessThan(1000);
      await expect(fetch(`${app.server.url}/healthz`)).rejects.toThrow();
    } finally {
      agent.destroy();
    }
  });

  it('answers 404 for anything else', async () => {
    await using app = await start();
    expect((await app.ask('/')).code).toBe(404);
  });
});

describe('a pause', () => {
  it('is loud in /readyz, /api/status and the metrics, is still ready, and ends', async () => {
    await using site = await start();
    const until = START + 60_000;
    site.tell(STARTING, { kind: 'started' }, samplePass(), { kind: 'paused', until, by: 'pointsman pause' });
    const ready = await site.ask('/readyz');
    expect([ready.code, ready.text.split('\n')[1]]).toEqual([
      200,
      'PAUSED until 2026-01-01T00:01:00.000Z by pointsman pause',
    ]);
    expect(JSON.parse((await site.ask('/readyz', 'application/json')).text)).toMatchObject({
      status: 'ready',
      note: expect.stringContaining('PAUSED'),
    });
    expect(JSON.parse((await site.ask('/api/status')).text).paused).toEqual({
      until: '2026-01-01T00:01:00.000Z',
      by: 'pointsman pause',
    });
    expect((await site.ask('/metrics')).text).toContain('\npointsman_paused 1\n');
    // A person who reloads HAProxy by hand does not make the host unready.
    const state = { kind: 'running', pid: 2, mark: null, version: null, reloads: 1 } as const;
    site.tell(
      { kind: 'haproxy-appeared', state },
      { ...samplePass(), outcome: 'paused', applied: { kind: 'unknown' } },
    );
    expect((await site.ask('/readyz')).code).toBe(200);
    site.tell({ kind: 'resumed', cause: 'its time is over', by: null });
    expect((await site.ask('/readyz')).code).toBe(503);
    site.tell({ kind: 'haproxy-away', cause: 'gone' }, samplePass());
    site.tell({
      kind: 'haproxy-appeared',
      state: { ...state, mark: hashOf(samplePass().applied) },
    });
    expect((await site.ask('/readyz')).text).toBe('ready\n');
    expect((await site.ask('/metrics')).text).toContain('\npointsman_paused 0\n');
  });
});
