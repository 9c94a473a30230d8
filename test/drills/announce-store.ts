import { rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Relay, startRelay } from '../support/relay.ts';
import { type ApplyMode, type Host, startHost } from './announce-rig.ts';
import { noneLost } from './asking.ts';
import type { DrillResult, ModeDrill } from './drill.ts';
import { hold, within } from './rig.ts';

/** Milliseconds from a store that serves again. */
const REGISTERED = 2_000;

async function two(host: Host): Promise<void> {
  await host.run('shop', 'shop-1');
  await host.run('shop', 'shop-2');
  await host.served('shop/shop-1', 'shop/shop-2');
  await host.equal();
}

interface Absence {
  readonly seconds: number;
  readonly ttl: string;
}

/** The store is away for a while, for less and for more than the lease. */
async function away(
  mode: ApplyMode,
  form: 'short' | 'full',
  { seconds, ttl }: Absence,
): Promise<DrillResult> {
  await using host = await startHost({ mode, ttl });
  await two(host);
  const asking = host.ask('shop');
  const before = await host.keys();
  await host.etcd.kill();
  await sleep(seconds * 1000);
  await host.etcd.restart();
  const ms = within(await host.equal(), REGISTERED, 'the store to equal the engine');
  await sleep(form === 'full' ? 5_000 : 1_000);
  hold(String(await host.keys()) === String(before), `no key changed: ${before} / ${await host.keys()}`);
  return { ms, seen: noneLost(asking) };
}

/** `announce` does not reach the store for longer than its lease: what it registered runs out. */
async function cutOff(mode: ApplyMode, form: 'short' | 'full'): Promise<DrillResult> {
  await using stack = new AsyncDisposableStack();
  let relay: Relay | undefined;
  const host = stack.use(
    await startHost({
      mode,
      ttl: form === 'full' ? '10s' : '3s',
      endpointOf: () => `http://127.0.0.1:${relay?.port}`,
      beforeAnnounce: async (etcd) => {
        relay = stack.use(await startRelay(etcd.port));
      },
    }),
  );
  await two(host);
  const asking = host.ask('shop');
  relay?.silence();
  await host.rig.time(async () => (await host.keys()).length === 0, 'the end of the lease', 60_000);
  await sleep(form === 'full' ? 10_000 : 500);
  relay?.speak();
  const ms = within(await host.equal(), REGISTERED, 'all to be registered again');
  await sleep(500);
  return { ms, seen: noneLost(asking) };
}

/** The store loses everything. */
async function wiped(mode: ApplyMode, form: 'short' | 'full'): Promise<DrillResult> {
  await using host = await startHost({ mode });
  await two(host);
  const asking = host.ask('shop');
  await host.etcd.kill();
  await rm(path.join(host.etcd.dataDir, 'member'), { recursive: true });
  await host.etcd.restart();
  const ms = within(await host.equal(), REGISTERED, 'all to be registered again');
  await sleep(form === 'full' ? 5_000 : 1_000);
  return { ms, seen: noneLost(asking) };
}

/** What becomes of the store does nothing to what is announced. */
export const announceStoreDrills: readonly ModeDrill[] = [
  {
    name: 'announce: etcd away for 30 s',
    promise: '0 keys change, 0 failed requests',
    run: (mode, form) => away(mode, form, { seconds: form === 'full' ? 30 : 2, ttl: '5m' }),
  },
  {
    name: 'announce: etcd away for longer than the lease',
    promise: '0 keys change (etcd gives each lease its whole time anew), 0 failed requests',
    run: (mode, form) =>
      away(mode, form, { seconds: form === 'full' ? 30 : 5, ttl: form === 'full' ? '10s' : '3s' }),
  },
  {
    name: 'announce: the way to etcd dead for longer than the lease',
    promise: 'registered again within 2 s, 0 failed requests',
    run: cutOff,
  },
  {
    name: 'announce: the store wiped',
    promise: 'registered again within 2 s, 0 failed requests',
    run: wiped,
  },
];
