import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeCertificates } from './certificates.ts';
import { startEtcd } from './etcd.ts';

test('startEtcd() keeps its data over a kill and a restart', async () => {
  await using etcd = await startEtcd();
  await etcd.put('/a', '1');
  await etcd.kill();
  await etcd.restart();
  expect(await etcd.client.get('/a')).toBe('1');
});

test('startEtcd() serves with TLS and with authentication', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'pointsman-certs-'));
  try {
    const auth = { rootPassword: 'r', username: 'reader', password: 'p', prefixes: ['/services'] };
    await using etcd = await startEtcd({ tls: await makeCertificates(folder), auth });
    await etcd.put('/services/a', '1');
    expect(await etcd.client.get('/services/a')).toBe('1');
    await etcd.kill();
    await etcd.restart();
    expect(await etcd.client.get('/services/a')).toBe('1');
  } finally {
    await rm(folder, { recursive: true });
  }
});
