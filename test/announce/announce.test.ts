import { writeFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { MAIN, startAnnounce, storedKey, WEB, WEB_KEY } from '../support/announce.ts';
import { startEtcd } from '../support/etcd.ts';
import { freePort, request, startProcess, tempFolder, waitFor } from '../support/haproxy.ts';

test('announce registers its instance under a lease, and at SIGTERM drains, deletes and ends with 0', async () => {
  await using etcd = await startEtcd();
  await using state = await tempFolder();
  await using announce = await startAnnounce({ etcd, stateDir: state.path, more: ['--drain', '300ms'] });
  await announce.told('registered');
  const found = await storedKey(etcd, WEB_KEY);
  expect(JSON.parse(found?.text ?? '')).toEqual({
    host: '10.1.2.3',
    port: 8080,
    meta: {
      started: expect.any(String),
      host: expect.any(String),
      owner: expect.stringMatching(/\/web\/i-1$/),
    },
  });
  expect(found?.lease).not.toBe('0');

  announce.child.kill('SIGTERM');
  await waitFor(async () => (await storedKey(etcd, WEB_KEY))?.text.includes('"drain":true'), {
    what: 'drain',
  });
  expect(await announce.ended).toBe(0);
  expect(await storedKey(etcd, WEB_KEY)).toBeNull();
  expect((await etcd.client.leaseClient.leaseLeases()).leases).toEqual([]);
});

test('a kill -9 leaves the key, and the next start takes it up with its lease: neither a gap nor a second key', async () => {
  await using etcd = await startEtcd();
  await using state = await tempFolder();
  const first = await startAnnounce({ etcd, stateDir: state.path });
  await first.told('registered');
  const before = await storedKey(etcd, WEB_KEY);
  const { kvs } = await etcd.client.kv.range({ key: Buffer.from(WEB_KEY) });
  first.child.kill('SIGKILL');
  await first.ended;
  await using second = await startAnnounce({ etcd, stateDir: state.path });
  // Only its start is new.
  expect(await second.told('registered')).toMatchObject({ why: 'changed' });
  const after = await storedKey(etcd, WEB_KEY);
  expect(after?.lease).toBe(before?.lease);
  expect((await etcd.client.kv.range({ key: Buffer.from(WEB_KEY) })).kvs[0]?.create_revision).toBe(
    kvs[0]?.create_revision,
  );
  expect(await etcd.client.getAll().prefix('/services/').count()).toBe(1);
});

test('a second SIGTERM cuts the drain no shorter', async () => {
  await using etcd = await startEtcd();
  await using state = await tempFolder();
  await using announce = await startAnnounce({ etcd, stateDir: state.path, more: ['--drain', '1s'] });
  await announce.told('registered');
  announce.child.kill('SIGTERM');
  await announce.told('draining');
  const began = performance.now();
  announce.child.kill('SIGTERM');
  announce.child.kill('SIGINT');
  expect(await announce.ended).toBe(0);
  expect(performance.now() - began).toBeGreaterThan(900);
  expect(await storedKey(etcd, WEB_KEY)).toBeNull();
});

test('what is to be registered comes from flags, the environment and announce: of a settings file alike', async () => {
  await using etcd = await startEtcd();
  await using state = await tempFolder();
  const file = `${state.path}/pointsman.yaml`;
  await writeFile(
    file,
    `sources: [{ etcd: { endpoints: [${etcd.endpoint}] } }]
announce: { service: web, port: 1, host: 10.1.2.3, weight: 1, instance: i-1, tags: [a, b], once: true }
`,
  );
  const own = ['--set', `stateDir=${state.path}`, '--config', file];
  const env = {
    ...process.env,
    POINTSMAN_ANNOUNCE_WEIGHT: '2',
    POINTSMAN_ANNOUNCE_META: 'version=1.2,zone=b',
  };
  const args = [MAIN, 'announce', ...own, '--port', '3'];
  await using once = await startProcess(process.execPath, args, { env });
  expect(await once.ended, once.output()).toBe(0);
  expect(JSON.parse((await storedKey(etcd, WEB_KEY))?.text ?? '')).toMatchObject({
    port: 3,
    weight: 2,
    tags: ['a', 'b'],
    meta: { version: '1.2', zone: 'b' },
  });
});

describe('--once', () => {
  test('registers and ends with 0; the next call takes the lease up, and one that may not have the key fails', async () => {
    await using etcd = await startEtcd();
    await using state = await tempFolder();
    const call = async (...more: string[]) => {
      await using once = await startAnnounce({ etcd, stateDir: state.path, more: ['--once', ...more] });
      return { code: await once.ended, output: once.output() };
    };
    expect(await call()).toMatchObject({ code: 0 });
    const before = await storedKey(etcd, WEB_KEY);
    expect(before?.lease).not.toBe('0');
    expect(await call()).toMatchObject({ code: 0 });
    expect((await storedKey(etcd, WEB_KEY))?.lease).toBe(before?.lease);
    const stranger = await call('--owner', 'somebody-else');
    expect(stranger.code).toBe(1);
    expect(stranger.output).toContain(`registering ${WEB_KEY}: it is the owner `);
    const other = await call('--exec', 'true');
    expect(other.code).toBe(2);
  });

  test('fails within its time where etcd is away, and where it never is well', async () => {
    await using state = await tempFolder();
    const etcd = { endpoint: `http://127.0.0.1:${await freePort()}` };
    const call = async (...more: string[]) => {
      const flags = ['--once', '--timeout', '300ms', ...more];
      await using once = await startAnnounce({ etcd, stateDir: state.path, more: flags });
      return { code: await once.ended, output: once.output() };
    };
    const away = await call();
    expect(away.code).toBe(1);
    expect(away.output).toContain(`not done in 300ms: it was waiting for etcd (${etcd.endpoint})`);
    const unwell = await call('--timeout', '3s', '--check', `http://127.0.0.1:${await freePort()}/`);
    expect(unwell.code).toBe(1);
    expect(unwell.output).toContain('it was waiting for the check to be good (nobody listens there');
  });
});

test('--listen serves /healthz, /readyz and /metrics, which say how it stands with etcd', async () => {
  await using etcd = await startEtcd();
  await using state = await tempFolder();
  const port = await freePort();
  const listen = ['--listen', `127.0.0.1:${port}`];
  await using announce = await startAnnounce({ etcd, stateDir: state.path, more: listen });
  const get = (path: string) => request(`http://127.0.0.1:${port}${path}`);
  await announce.told('registered');
  await waitFor(async () => (await get('/readyz')).status === 200, { what: '/readyz' });
  expect((await get('/metrics')).body).toContain('pointsman_announce_registered_keys 1\n');
  expect((await get('/nothing')).status).toBe(404);

  await etcd.kill('SIGKILL');
  await waitFor(async () => (await get('/readyz')).status === 503, { what: 'not ready' });
  expect((await get('/readyz')).body).toContain('etcd does not serve us');
  // It lives, whatever becomes of etcd: nobody shall start it anew for that.
  expect((await get('/healthz')).status).toBe(200);
  expect((await get('/metrics')).body).toContain('pointsman_announce_store_up 0\n');
});

test('what does not fit is told with exit code 2, before anything is opened', async () => {
  await using state = await tempFolder();
  const etcd = { endpoint: 'http://127.0.0.1:1' };
  const said = async (...flags: string[]) => {
    await using announce = await startAnnounce({ etcd, stateDir: state.path, flags });
    return { code: await announce.ended, output: announce.output() };
  };
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ['no service is named', ['--port', '1']],
    ['no port is named', ['--service', 'web']],
    ['--leave is for --all', [...WEB, '--leave']],
    ['announce.weight', [...WEB, '--weight', '900']],
    ['announce.ttl', [...WEB, '--ttl', '1s']],
    ['announce.meta', [...WEB, '--meta', 'owner=me']],
    ['0.0.0.0', ['--service', 'web', '--port', '1', '--host', '0.0.0.0']],
  ];
  for (const [found, flags] of cases) {
    expect(await said(...flags)).toEqual({ code: 2, output: expect.stringContaining(found) });
  }
});
