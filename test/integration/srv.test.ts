import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { startDns } from '../support/dns.ts';
import { startEtcd } from '../support/etcd.ts';
import { startProcess, waitFor } from '../support/haproxy.ts';
import { makeSite } from '../support/pointsman.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const RECORD = '_etcd-client._tcp.example.test';
/** Not localhost: that may be ::1 alone. */
const ADDRESSES = { 'etcd.example.test': '127.0.0.1' };

test('etcd is found by DNS, and where another one is when it moves; DNS that fails takes nothing away', async () => {
  await using first = await startEtcd();
  await using dns = await startDns({ [RECORD]: [{ target: 'etcd.example.test', port: first.port }] });
  dns.addresses = ADDRESSES;
  await using site = await makeSite({
    sources: [{ etcd: { srv: 'example.test', nameservers: [dns.address] } }],
    haproxy: { mode: 'none' },
  });
  await first.put('/services/web/a', '10.0.0.1:1');
  await using daemon = await site.start();
  const says = (text: string) =>
    waitFor(async () => (await readFile(site.configPath, 'utf8').catch(() => '')).includes(text), {
      what: text,
      timeout: 40_000,
    }).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${daemon.output()}`);
    });
  await says('10.0.0.1:1');
  expect(dns.asked).toContain('_etcd-client-ssl._tcp.example.test');

  dns.records = {};
  await first.kill();
  await waitFor(() => daemon.log().some(({ state }) => state === 'stale'), {
    what: 'stale',
    timeout: 40_000,
  });
  await first.restart();
  await first.put('/services/web/b', '10.0.0.2:1');
  await says('10.0.0.2:1');

  await using second = await startEtcd();
  for (const at of [1, 2, 3]) {
    await second.put(`/services/web/${'abc'[at - 1]}`, `10.0.0.${at}:1`);
  }
  dns.records = { [RECORD]: [{ target: 'etcd.example.test', port: second.port }] };
  await first.kill();
  await says('10.0.0.3:1');
});

test('announce registers in the etcd that DNS names', async () => {
  await using etcd = await startEtcd();
  await using dns = await startDns({ [RECORD]: [{ target: 'etcd.example.test', port: etcd.port }] });
  dns.addresses = ADDRESSES;
  const flags = ['--set', 'etcd.srv=example.test', '--set', `etcd.nameservers=${dns.address}`];
  const service = ['--service', 'web', '--port', '8080', '--instance', 'i', '--host', '10.0.0.7'];
  await using one = await startProcess(process.execPath, [MAIN, 'announce', ...service, ...flags]);
  await waitFor(async () => (await etcd.client.get('/services/web/i').string()) !== null, {
    what: 'the key',
    timeout: 40_000,
  }).catch((error: unknown) => {
    throw new Error(`${String(error)}\n${one.output()}`);
  });
});

test('check says which records are missing', async () => {
  await using dns = await startDns({});
  await using site = await makeSite({
    sources: [{ etcd: { srv: 'example.test', nameservers: [dns.address] } }],
    haproxy: { mode: 'none' },
  });
  const { code, stdout } = await site.run('check');
  expect(code).toBe(1);
  expect(stdout).toContain(
    '_etcd-client-ssl._tcp.example.test: ENOTFOUND, _etcd-client._tcp.example.test: ENOTFOUND',
  );
});
