import { expect, test } from 'vitest';
import { startEtcd } from '../support/etcd.ts';
import { waitFor } from '../support/haproxy.ts';
import { makeSite } from '../support/pointsman.ts';

test('unknown fields are told once for each service and field, and shown with their count; a lost address names the key', async () => {
  await using etcd = await startEtcd();
  await using site = await makeSite({
    sources: [{ etcd: { endpoints: [etcd.endpoint] } }],
    haproxy: { mode: 'none' },
  });
  const value = (port: number) => JSON.stringify({ host: '127.0.0.1', port, wieght: 3 });
  await etcd.put('/services/web/a', value(1));
  await using daemon = await site.start();
  const remarks = async () => (await daemon.status()).remarks as { field: string; count: number }[];
  await waitFor(async () => (await remarks())[0]?.count === 1);
  await etcd.put('/services/web/b', value(2));
  await waitFor(async () => (await remarks())[0]?.count === 2);
  await etcd.delete('/services/web/a');
  await etcd.put('/services/web/c', '127.0.0.1:2');
  const rejected = await waitFor(() => daemon.log().find(({ event }) => event === 'keys-rejected'));
  expect(rejected.msg).toBe(
    'rejected /services/web/b: the address 127.0.0.1:2 was registered anew by another key: /services/web/c',
  );
  await etcd.put('/services/api/a', value(3));
  await waitFor(async () => (await remarks()).length === 2);
  const told = () => daemon.log().filter(({ event }) => event === 'keys-remarked');
  await waitFor(() => told().length === 2);
  expect(told().map(({ level, msg }) => [level, msg])).toEqual([
    [
      'warn',
      'instances of web: the unknown field "wieght" goes to meta (/services/web/a); did you mean "weight"?',
    ],
    [
      'warn',
      'instances of api: the unknown field "wieght" goes to meta (/services/api/a); did you mean "weight"?',
    ],
  ]);
  expect(daemon.log().filter(({ level }) => level === 'error')).toEqual([]);
});
