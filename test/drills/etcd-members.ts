import { setTimeout as sleep } from 'node:timers/promises';
import { startEtcd } from '../support/etcd.ts';
import { startCluster } from '../support/etcd-cluster.ts';
import { startRelay } from '../support/relay.ts';
import type { Drill } from './drill.ts';
import {
  atFirstEndpoint,
  follow,
  followLive,
  HEALTHY_LIMIT,
  healed,
  IN_QUORUM,
  QUORUM_LIMIT,
  seed,
  WHEN_HEALTHY,
  written,
} from './etcd-rig.ts';

/** Members that die, freeze and fall silent. */
export const memberDrills: readonly Drill[] = [
  killed(1, 1),
  killed(8, 0.5),
  killed(60, 1.5),
  {
    name: 'etcd, 3 members: the connected one killed',
    promise: IN_QUORUM,
    run: () => connectedMember('SIGKILL'),
  },
  {
    name: 'etcd, 3 members: the connected one frozen under the stream',
    promise: IN_QUORUM,
    run: () => connectedMember('SIGSTOP'),
  },
  {
    name: 'etcd, 3 members: the first one frozen before the connect',
    promise: IN_QUORUM,
    async run() {
      await using cluster = await startCluster();
      const leader = await cluster.leader();
      const [other = leader] = cluster.members.filter((member) => member !== leader);
      await seed(other);
      const since = performance.now();
      await leader.kill('SIGSTOP');
      const endpoints = [leader.endpoint, ...cluster.endpoints.filter((one) => one !== leader.endpoint)];
      await using following = atFirstEndpoint(() => follow({ endpoints }));
      return await healed(following, { etcd: other, since, limit: QUORUM_LIMIT });
    },
  },
  {
    name: 'etcd, 3 members: the leader frozen in the middle of the first full read',
    promise: IN_QUORUM,
    run: (form) => frozenWhileRead(form === 'full' ? 20_000 : 10_000),
  },
  {
    name: 'etcd, 3 members: all frozen, and two of them back',
    promise: WHEN_HEALTHY,
    async run(form) {
      await using cluster = await startCluster();
      await using following = await followLive({ endpoints: cluster.endpoints });
      const { seen } = following;
      const [one, two] = cluster.members;
      if (!one || !two) {
        throw new Error('three members were asked for');
      }
      await seed(one);
      await Promise.all(cluster.members.map((member) => member.kill('SIGSTOP')));
      await seen.until(() => seen.states.at(-1) === 'stale');
      await sleep(form === 'full' ? 20_000 : 700);
      await Promise.all([one.kill('SIGCONT'), two.kill('SIGCONT')]);
      await written(one);
      return await healed(following, { etcd: one, since: performance.now(), limit: HEALTHY_LIMIT });
    },
  },
  {
    name: 'etcd: the connection dead without a word, another way is there',
    promise: IN_QUORUM,
    async run() {
      await using etcd = await startEtcd();
      await seed(etcd);
      await using relay = await startRelay(etcd.port);
      const endpoints = [`http://127.0.0.1:${relay.port}`, etcd.endpoint];
      await using following = await atFirstEndpoint(() => followLive({ endpoints }));
      if (relay.open === 0) {
        throw new Error('it is not connected by the relay');
      }
      const since = performance.now();
      relay.silence();
      return await healed(following, { etcd, since, limit: QUORUM_LIMIT });
    },
  },
  {
    name: 'etcd: the only connection dead without a word, and new ones pass again',
    promise: WHEN_HEALTHY,
    async run(form) {
      await using etcd = await startEtcd();
      await seed(etcd);
      await using relay = await startRelay(etcd.port);
      await using following = await followLive({ endpoints: [`http://127.0.0.1:${relay.port}`] });
      const { seen } = following;
      const fault = performance.now();
      relay.silence();
      await etcd.deletePrefix('/services/s1/');
      await seen.until(() => seen.states.at(-1) === 'stale');
      const noticed = Math.round(performance.now() - fault);
      if (noticed > QUORUM_LIMIT) {
        throw new Error(`noticed only after ${noticed} ms`);
      }
      await sleep(form === 'full' ? 20_000 + Math.random() * 3_000 : 700);
      relay.speak();
      const since = performance.now();
      const { ms } = await healed(following, { etcd, since, limit: HEALTHY_LIMIT });
      return { ms, seen: `noticed after ${noticed} ms` };
    },
  },
];

function killed(seconds: number, inShort: number): Drill {
  return {
    name: `etcd: killed with -9 and started again after ${seconds} s`,
    promise: WHEN_HEALTHY,
    async run(form) {
      await using etcd = await startEtcd();
      await seed(etcd);
      await using following = await followLive({ endpoints: [etcd.endpoint] });
      await etcd.kill();
      const away = sleep((form === 'full' ? seconds : inShort) * 1_000);
      if (form === 'full' || inShort === 1) {
        // On a port that the source does not know: so this is written while it is away.
        await using hidden = await startEtcd({ dataDir: etcd.dataDir });
        await hidden.deletePrefix('/services/s1/');
        await hidden.put('/routes/new', '{}');
      }
      await away;
      await etcd.restart();
      return await healed(following, { etcd, since: performance.now(), limit: HEALTHY_LIMIT });
    },
  };
}

async function frozenWhileRead(keys: number) {
  await using cluster = await startCluster();
  const leader = await cluster.leader();
  const others = cluster.members.filter((member) => member !== leader);
  const [other = leader] = others;
  for (let from = 0; from < keys; from += 100) {
    const puts = Array.from({ length: 100 }, (_, n) =>
      other.client.put(`/services/s${n}/i${from}`).value(`10.0.0.1:${n + 1}`),
    );
    await other.client
      .if('/none', 'Create', '==', 0)
      .then(...puts)
      .commit();
  }
  await using relay = await startRelay(leader.port);
  const endpoints = [`http://127.0.0.1:${relay.port}`, ...others.map(({ endpoint }) => endpoint)];
  await using following = atFirstEndpoint(() => follow({ endpoints }));
  // Some pages of a thousand keys.
  while (relay.passed < 250_000) {
    await sleep(1);
  }
  const since = performance.now();
  await leader.kill('SIGSTOP');
  if (following.seen.snapshots.length > 0) {
    throw new Error('it was read before the freeze');
  }
  return await healed(following, { etcd: other, since, limit: QUORUM_LIMIT });
}

async function connectedMember(signal: 'SIGKILL' | 'SIGSTOP') {
  await using cluster = await startCluster();
  await using following = await followLive({ endpoints: cluster.endpoints });
  const connected = await cluster.watched();
  const [other = connected] = cluster.members.filter((member) => member !== connected);
  await seed(other);
  const since = performance.now();
  await connected.kill(signal);
  return await healed(following, { etcd: other, since, limit: QUORUM_LIMIT });
}
