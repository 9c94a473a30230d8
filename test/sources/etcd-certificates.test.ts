import { copyFile, mkdir, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { etcdSource } from '../../src/sources/etcd-source.ts';
import { makeCertificates, makeClient } from '../support/certificates.ts';
import { startEtcd } from '../support/etcd.ts';
import { tempFolder } from '../support/haproxy.ts';
import { startRelay } from '../support/relay.ts';
import { SourceRecorder } from '../support/source-recorder.ts';

test('certificates, keys and authorities that are replaced are used by the next connection, and half-written ones are waited out', async () => {
  await using folder = await tempFolder();
  const [ours, others] = [path.join(folder.path, 'ours'), path.join(folder.path, 'others')];
  await Promise.all([mkdir(ours), mkdir(others)]);
  const [good, stranger] = [await makeCertificates(ours), await makeCertificates(others)];
  await makeClient(ours, 'renewed');
  const used = (name: string) => path.join(folder.path, name);
  const tls = { ca: used('ca.pem'), cert: used('client.pem'), key: used('client-key.pem') };
  const put = async (name: string, from: string) => {
    await copyFile(from, used(`${name}.new`));
    await rename(used(`${name}.new`), used(name));
  };
  const giveClient = async (cert: string, key: string) => {
    await put('client.pem', cert);
    await put('client-key.pem', key);
  };
  await put('ca.pem', good.ca);
  await giveClient(good.clientCert, good.clientKey);
  const { clientCert, clientKey, ...server } = good;
  await using etcd = await startEtcd({ tls: { ...server, clientCert, clientKey } });
  await etcd.put('/services/web/a', '1');
  await using relay = await startRelay(etcd.port);
  const endpoints = [`https://127.0.0.1:${relay.port}`];
  await using seen = new SourceRecorder(etcdSource({ endpoints, tls, prefixes: ['/services'], index: 0 }));
  await seen.until(() => seen.states.at(-1) === 'live');

  let change = 0;
  const follows = async () => {
    change += 1;
    const value = String(change);
    await etcd.put('/services/web/changed', value);
    await seen.until(() => seen.values['/services/web/changed'] === value, `change ${value}`);
  };
  const errors = () => seen.events.flatMap((event) => (event.kind === 'state' ? [String(event.error)] : []));
  const refusedAfter = async (replace: () => Promise<void>, found: RegExp) => {
    await replace();
    // What is open stays open, and is not asked again who it is.
    await follows();
    const before = errors().length;
    relay.cut();
    await seen.until(
      () =>
        errors()
          .slice(before)
          .some((error) => found.test(error)),
      String(found),
    );
  };
  const mendedBy = async (replace: () => Promise<void>) => {
    const before = seen.states.length;
    await replace();
    await seen.until(() => seen.states.slice(before).includes('live'), 'live again');
    await follows();
  };

  await refusedAfter(
    () => giveClient(stranger.clientCert, stranger.clientKey),
    /refused the client certificate/,
  );
  await mendedBy(() => giveClient(path.join(ours, 'renewed.pem'), path.join(ours, 'renewed-key.pem')));
  await refusedAfter(() => put('ca.pem', stranger.ca), /signed by a CA that is not trusted here/);
  await mendedBy(() => put('ca.pem', good.ca));
  // A renewal that is caught in the middle: a certificate without its key, and a part of one.
  await refusedAfter(
    () => put('client.pem', good.clientCert),
    /tls\.cert and tls\.key .*key values mismatch/,
  );
  await mendedBy(() => put('client-key.pem', good.clientKey));
  await refusedAfter(
    () => writeFile(tls.cert, '-----BEGIN CERTIFICATE-----\nMIIB'),
    /tls\.cert and tls\.key .*PEM/,
  );
  await mendedBy(() => giveClient(good.clientCert, good.clientKey));
  expect(seen.tree.size).toBe(2);
});
