import { expect, test } from 'vitest';
import { startEtcd } from '../support/etcd.ts';
import { request, showProc, startBackend, waitFor } from '../support/haproxy.ts';
import { makeSite } from '../support/pointsman.ts';

const NAMES = ['__proto__', 'constructor', 'toString'];

test('services and instances with names that JavaScript has by itself are served, changed at run time, held and listed', async () => {
  await using etcd = await startEtcd();
  await using one = await startBackend('one');
  await using two = await startBackend('two');
  for (const name of NAMES) {
    await etcd.put(
      `/services/${name}/${name}`,
      JSON.stringify({ host: '127.0.0.1', port: one.port, meta: { shared: true } }),
    );
  }
  await using site = await makeSite({
    sources: [{ etcd: { endpoints: [etcd.endpoint] } }],
    more: { duplicateAddresses: 'allow' },
  });
  await using daemon = await site.start();
  await daemon.ready();
  const answer = async (host: string) => (await request(site.url, { headers: { host } })).body;
  for (const name of NAMES) {
    expect([name, await answer(name)]).toEqual([name, 'one']);
  }
  const before = await showProc(site.masterSocket);
  for (const name of NAMES) {
    await etcd.put(`/services/${name}/${name}`, two.address);
  }
  for (const name of NAMES) {
    await waitFor(async () => (await answer(name)) === 'two', { what: `the change of ${name}` });
  }
  expect((await showProc(site.masterSocket)).workers).toEqual(before.workers);
  // The last instance of each: held, and served on.
  await etcd.deletePrefix('/services/');
  const held = async () =>
    ((await daemon.status()).held as { service: string }[]).map(({ service }) => service);
  await waitFor(async () => (await held()).length === NAMES.length, { what: 'the holds' });
  expect((await held()).toSorted()).toEqual(NAMES);
  for (const name of NAMES) {
    expect([name, await answer(name)]).toEqual([name, 'two']);
    await etcd.put(`/services/${name}/${name}`, two.address);
  }
  await waitFor(async () => (await held()).length === 0, { what: 'the end of the holds' });
  const listed = JSON.parse((await site.run('services', '--json')).stdout) as {
    services: { name: string }[];
  };
  expect(listed.services.map(({ name }) => name)).toEqual(NAMES);
  expect((await request(`http://127.0.0.1:${site.statusPort}/metrics`)).body).toContain(
    '\npointsman_instances 3\n',
  );
});
