import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Script } from 'node:vm';
import { fastify } from 'fastify';
import { expect, test } from 'vitest';
import { createBus } from '../../src/events.ts';
import type { LedgerEntry } from '../../src/ledger/ledger-entry.ts';
import { openPage } from '../../src/page/add-page.ts';
import type { Door } from '../../src/status/server.ts';
import { trackStatus } from '../../src/status/track-status.ts';
import { tempFolder } from '../support/haproxy.ts';

const TOKEN = 'a-token-of-more-than-16-characters';
const ENTRY: LedgerEntry = {
  ...{
    number: 7,
    time: '2026-01-01T00:00:00.000Z',
    outcome: 'reloaded',
    revision: '812',
    keys: [],
    keyCount: 0,
  },
  ...{ by: [], services: [], changes: ['web: +a'], triggers: [], reasons: [], words: [], error: null, ms: 9 },
  ...{ steps: {}, hash: null, before: null, rollback: null, dropped: 0 },
  files: [{ name: '/h.cfg', added: 1, removed: 0, diff: '+the secret' }],
};

async function start(hasToken: boolean, door: Door = 'tcp') {
  const stack = new AsyncDisposableStack();
  const { path: folder } = stack.use(await tempFolder());
  const target = path.join(folder, 'haproxy.cfg');
  const tokenFile = path.join(folder, 'token');
  await writeFile(target, 'global # the secret\n');
  await writeFile(tokenFile, `${TOKEN}\n`);
  const keeper = trackStatus({ version: '1', now: Date.now });
  keeper.listener({ kind: 'starting', version: '1', mode: 'none', sources: [], template: '/t', target });
  const server = fastify();
  stack.defer(async () => void (await server.close()));
  const page = stack.use(
    await openPage({
      bus: createBus(),
      status: keeper.current,
      services: { plain: () => Promise.reject(new Error('nobody asks for it')) },
      ledger: {
        history: async () => [ENTRY],
        entry: async (number) => (number === 7 ? ENTRY : null),
        newest: () => 7,
      },
      tokenFile: hasToken ? tokenFile : undefined,
      heartbeat: Date.now,
      now: Date.now,
    }),
  );
  page.addTo(server, door);
  const get = (url: string, headers: Record<string, string> = {}) =>
    server.inject({ method: 'GET', url, headers });
  return { get, server, tokenFile, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

test('without status.tokenFile nobody sees the configuration or a diff, whatever he shows', async () => {
  await using site = await start(false);
  for (const url of ['/config', '/api/history?diffs=1', '/login', `/login?token=${TOKEN}`]) {
    for (const headers of [{}, bearer(TOKEN), bearer('undefined'), { cookie: 'pointsman=' }]) {
      const answer = await site.get(url, headers);
      expect([url, answer.statusCode]).toEqual([url, 403]);
      expect(answer.body).not.toContain('the secret');
    }
  }
});

test('who comes by the Unix socket sees them without any token', async () => {
  for (const hasToken of [false, true]) {
    await using site = await start(hasToken, 'socket');
    for (const url of ['/config', '/api/history?diffs=1', '/api/history/7']) {
      const answer = await site.get(url);
      expect([url, answer.statusCode, answer.body.includes('the secret')]).toEqual([url, 200, true]);
    }
  }
});

test('with one they are for who shows it, by header or by the cookie that it was changed for', async () => {
  await using site = await start(true);
  for (const headers of [{}, bearer('wrong'), { cookie: `pointsman=${'0'.repeat(64)}` }]) {
    expect((await site.get('/config', headers)).statusCode).toBe(401);
    const diffs = await site.get('/api/history?diffs=1', headers);
    expect(diffs.statusCode).toBe(401);
    for (const url of ['/api/history', '/api/history/7']) {
      const { statusCode, body } = await site.get(url, headers);
      expect([url, statusCode, body.includes('web: +a'), body.includes('the secret')]).toEqual([
        url,
        200,
        true,
        false,
      ]);
    }
  }
  expect((await site.get('/config', bearer(TOKEN))).body).toContain('the secret');
  expect((await site.get('/api/history?diffs=1', bearer(TOKEN))).body).toContain('the secret');
  const login = await site.get('/login', bearer(TOKEN));
  const cookie = String(login.headers['set-cookie']);
  expect(login.statusCode).toBe(204);
  expect(cookie).toMatch(/^pointsman=[0-9a-f]{64}; Path=\/; HttpOnly; SameSite=Strict$/);
  expect((await site.get('/config', { cookie: cookie.split(';')[0] ?? '' })).statusCode).toBe(200);
  const link = await site.get(`/login?token=${TOKEN}`);
  expect([link.statusCode, link.headers.location]).toEqual([302, '/']);
  await writeFile(site.tokenFile, 'another-token-of-16-and-more');
  expect((await site.get('/config', { cookie: cookie.split(';')[0] ?? '' })).statusCode).toBe(401);
});

test('after ten wrong tokens none is looked at for a while, and a cookie still is', async () => {
  await using site = await start(true);
  const cookie = String((await site.get('/login', bearer(TOKEN))).headers['set-cookie']).split(';')[0] ?? '';
  for (let turn = 0; turn < 10; turn += 1) {
    expect((await site.get('/config', bearer(`wrong-${turn}`))).statusCode).toBe(401);
  }
  expect((await site.get('/config', bearer(TOKEN))).statusCode).toBe(429);
  expect((await site.get('/config', { cookie })).statusCode).toBe(200);
});

test('the page may load nothing but itself, and nothing is changed by POST', async () => {
  await using site = await start(true);
  const { headers, body } = await site.get('/');
  expect(headers['content-security-policy']).toMatch(
    /^default-src 'none'; script-src 'sha256-[^']+'; style-src 'sha256-/,
  );
  expect(body).not.toMatch(/(?:src|href)="(?!data:|\/|#)/);
  expect(body.match(/<\/script>/g)).toHaveLength(1);
  // Its parts make one script: no two of them have the same name for something, and none is left to be loaded.
  const [, script = ''] = /<script type="module">([\s\S]*)<\/script>/.exec(body) ?? [];
  expect(script).toContain('function span(');
  expect(() => new Script(script)).not.toThrow();
  for (const url of ['/', '/config', '/login', '/api/services', '/api/history', '/api/events']) {
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH'] as const) {
      expect([url, method, (await site.server.inject({ method, url })).statusCode]).toEqual([
        url,
        method,
        404,
      ]);
    }
  }
});
