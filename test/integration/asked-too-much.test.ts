import { expect, test } from 'vitest';
import { startEtcd } from '../support/etcd.ts';
import { request, startBackend, waitFor } from '../support/haproxy.ts';
import { makeSite } from '../support/pointsman.ts';

type Rejected = readonly { readonly key: string; readonly reason: string }[];

test('what no key of etcd may ask for is refused by name, and costs no request of anybody’s', async () => {
  await using shop = await startBackend('shop');
  await using etcd = await startEtcd();
  await using site = await makeSite({ sources: [{ etcd: { endpoints: [etcd.endpoint] } }] });
  const route = { hosts: ['shop.test', ...Array.from({ length: 39 }, (_, at) => `h${at}.shop.test`)] };
  await etcd.put('/services/shop/a', shop.address);
  await etcd.put('/routes/shop', JSON.stringify(route));
  await etcd.put('/services/evil/own', '127.0.0.1:1');
  await using daemon = await site.start();
  await daemon.ready();
  const answers = async () => {
    const all = await Promise.all(Array.from({ length: 20 }, () => request(site.url, { host: 'shop.test' })));
    return new Set(all.map(({ status, body }) => `${status} ${body}`));
  };
  expect(await answers()).toEqual(new Set(['200 shop']));
  const asked = {
    '/services/evil/metadata': '169.254.169.254:80',
    '/services/evil/mapped': '[::ffff:169.254.169.254]:80',
    '/services/evil/link': '{"host":"fe80::1","port":80}',
    '/services/evil/number': '0xa9fea9fe:80',
    '/routes/ssh': '{"mode":"tcp","port":22}',
    '/routes/etcd': '{"mode":"tcp","port":2379}',
    '/routes/status': `{"mode":"tcp","port":${site.statusPort}}`,
    '/routes/front': `{"mode":"tcp","port":${site.httpPort}}`,
  };
  // Over a good one: that stays.
  const tooMany = JSON.stringify({ ...route, paths: Array.from({ length: 26 }, (_, at) => `/p${at}`) });
  await etcd.put('/routes/shop', tooMany);
  for (const [key, value] of Object.entries(asked)) {
    await etcd.put(key, value);
  }
  const refused = async () => {
    const { rejected } = await daemon.status();
    return new Map((rejected as Rejected).map(({ key, reason }) => [key, reason]));
  };
  await waitFor(async () => (await refused()).size >= Object.keys(asked).length, {
    what: 'all of them',
    timeout: 20_000,
  });
  const reasons = await refused();
  expect([...reasons.keys()].sort()).toEqual(Object.keys(asked).sort());
  expect(reasons.get('/services/evil/metadata')).toContain("the cloud's own address for metadata");
  expect(reasons.get('/routes/ssh')).toContain('the port 22 is taken by the host (ports.reserved)');
  expect(reasons.get('/routes/status')).toContain('is taken by Pointsman itself (status.listen)');
  expect((await daemon.status()).kept).toMatchObject([
    {
      key: '/routes/shop',
      reason: expect.stringContaining('1040 places, more than limits.placesPerService (1000)'),
    },
  ]);
  await etcd.put('/services/late/a', shop.address.replace('127.0.0.1', 'localhost'));
  await waitFor(async () => (await request(site.url, { host: 'late' })).status !== 404, {
    what: 'the next change',
    timeout: 20_000,
  });
  expect(await answers()).toEqual(new Set(['200 shop']));
}, 90_000);
