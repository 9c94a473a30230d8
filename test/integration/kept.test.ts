import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { startEtcd } from '../support/etcd.ts';
import { request, startBackend, startLoad, waitFor } from '../support/haproxy.ts';
import { makeSite } from '../support/pointsman.ts';

interface ShownKept {
  readonly key: string;
  readonly by: string;
  readonly reason: string;
  readonly form: string;
}

/** Six instances of `shop` in etcd behind a real HAProxy, under load. */
async function shopUnderLoad() {
  await using stack = new AsyncDisposableStack();
  const etcd = stack.use(await startEtcd());
  const site = stack.use(await makeSite({ sources: [{ etcd: { endpoints: [etcd.endpoint] } }] }));
  const backends = await Promise.all(Array.from({ length: 6 }, (_, at) => startBackend(`s${at}`)));
  backends.forEach((backend) => void stack.use(backend));
  const key = (at: number) => `/services/shop/i${at}`;
  for (const [at, { address }] of backends.entries()) {
    await etcd.put(key(at), address);
  }
  let daemon = stack.use(await site.start());
  await daemon.ready();
  const answer = async () => (await request(site.url, { host: 'shop' }).catch(() => null))?.status;
  await waitFor(async () => (await answer()) === 200);
  const load = stack.use(startLoad(site.url, { host: 'shop' }));
  const owned = stack.move();
  return {
    ...{ etcd, site, backends, key, load },
    get daemon() {
      return daemon;
    },
    kept: async () => (await daemon.status()).kept as readonly ShownKept[],
    /** Waits until each of these was asked `times` times more. */
    async asked(names: readonly number[], times = 5): Promise<void> {
      const before = new Map(names.map((at) => [at, backends[at]?.requests() ?? 0]));
      await waitFor(
        () => names.every((at) => (backends[at]?.requests() ?? 0) >= (before.get(at) ?? 0) + times),
        { what: 'each of them is asked', timeout: 20_000 },
      );
    },
    /** Waits until the cache holds this. */
    async cached(text: string): Promise<void> {
      const cache = path.join(site.folder, 'state', 'tree');
      await waitFor(async () => (await readFile(cache, 'utf8').catch(() => '')).includes(text), {
        what: 'the cache is written',
        timeout: 20_000,
      });
    },
    /** Kills the daemon, and starts it again. */
    async restart(): Promise<void> {
      daemon.child.kill('SIGKILL');
      await daemon.ended;
      daemon = owned.use(await site.start());
      await daemon.ready();
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

const ALL = [0, 1, 2, 3, 4, 5];

test('five of six instances that are overwritten with values that the grammar refuses stay as they were, and no request is lost', async () => {
  await using shop = await shopUnderLoad();
  const { etcd, key, backends, load } = shop;
  const port = (at: number) => backends[at]?.port ?? 0;
  const bad = [
    JSON.stringify({ host: '127.0.0.1', port: port(0), weight: 'heavy' }),
    JSON.stringify({ address: backends[1]?.address }),
    'foo bar',
    '',
    `{"host":"127.0.0.1","port":${port(4)},}`,
  ];
  for (const [at, value] of bad.entries()) {
    await etcd.put(key(at), value);
  }
  await waitFor(async () => (await shop.kept()).length === 5, { what: 'five keys are kept' });
  await shop.asked(ALL);
  expect(await shop.kept()).toEqual(
    bad.map((_, at) => expect.objectContaining({ key: key(at), by: 'grammar', form: backends[at]?.address })),
  );
  await shop.cached('foo bar');
  await shop.restart();
  await shop.asked(ALL);
  expect((await shop.kept()).map((one) => one.key)).toEqual(bad.map((_, at) => key(at)));
  const listed = await shop.site.run('services');
  expect(listed.stdout).toContain(
    `kept in their last good form\n  ${key(0)}  "${backends[0]?.address}"\n    weight must`,
  );
  expect(listed.stdout).toContain(`  i0  ${backends[0]?.address}  kept  UP`);
  expect(listed.stdout).toContain(`  i5  ${backends[5]?.address}  UP`);
  const checked = await shop.site.run('check');
  const keptKeys = bad.map((_, at) => key(at)).join(', ');
  expect(checked.stdout).toMatch(/^ok +keys +1 services, no key rejected$/m);
  expect(checked.stdout).toContain(
    `5 kept in their last good form; pointsman services says why: ${keptKeys}\n`,
  );
  expect(checked.code).toBe(0);
  const dry = await shop.site.run('render', '--dry-run');
  expect(dry.stdout).toContain(`server i0 ${backends[0]?.address}`);
  expect(dry.stderr).toContain(`kept ${key(0)} "${backends[0]?.address}": weight must`);
  await etcd.put(key(2), `127.0.0.1:${port(2)}`);
  await etcd.delete(key(3));
  await waitFor(async () => (await shop.kept()).length === 3, { what: 'the mended one and the deleted one' });
  await shop.asked([0, 1, 2, 4, 5]);
  expect(load.failures()).toEqual([]);
}, 120_000);

test('what is overwritten while Pointsman is away, or right before it is killed, stays as it was', async () => {
  await using shop = await shopUnderLoad();
  const { etcd, key, backends, load } = shop;
  await shop.cached(backends[5]?.address ?? '');
  await etcd.put(key(0), 'foo bar');
  await shop.restart();
  shop.daemon.child.kill('SIGKILL');
  await shop.daemon.ended;
  await etcd.put(key(1), 'worse');
  await shop.restart();
  await waitFor(async () => (await shop.kept()).length === 2, { what: 'two keys are kept' });
  await shop.asked(ALL);
  // Somebody else writes the address: from then on it is his.
  await etcd.put('/services/shop/new', backends[1]?.address ?? '');
  await waitFor(async () => (await shop.kept()).length === 1, { what: 'the claimed one' });
  await shop.asked(ALL);
  expect(load.failures()).toEqual([]);
}, 120_000);

test('a host that has just joined serves what the others keep, and leaves out what etcd has forgotten', async () => {
  await using etcd = await startEtcd();
  await using first = await startBackend('first');
  await using second = await startBackend('second');
  await etcd.put('/services/old/a', '127.0.0.1:1');
  await etcd.put('/services/old/a', 'foo bar');
  const { header } = await etcd.client.get('/services/old/a').exec();
  await etcd.client.kv.compact({ revision: header.revision });
  await etcd.put('/services/shop/a', first.address);
  await etcd.put('/services/shop/b', second.address);
  await etcd.put('/services/shop/a', '127.0.0.1:9');
  await etcd.put('/services/shop/a', 'foo bar');
  // Refused, and all the same it says where its server is now.
  const moved = { host: '127.0.0.1', port: first.port, weight: 'heavy' };
  await etcd.put('/services/shop/a', JSON.stringify(moved));
  await etcd.put('/services/shop/a', '');
  await etcd.put('/services/never/a', 'foo bar');
  await etcd.put('/services/never/a', 'worse');
  await using site = await makeSite({ sources: [{ etcd: { endpoints: [etcd.endpoint] } }] });
  await using daemon = await site.start();
  await daemon.ready();
  await waitFor(async () => (await request(site.url, { host: 'shop' })).body === 'first');
  await waitFor(async () => (await request(site.url, { host: 'shop' })).body === 'second');
  const { kept, rejected } = (await daemon.status()) as Record<string, readonly ShownKept[]>;
  expect(kept).toMatchObject([{ key: '/services/shop/a', by: 'grammar', form: first.address }]);
  expect(rejected?.map(({ key }) => key)).toEqual(['/services/never/a', '/services/old/a']);
}, 120_000);
