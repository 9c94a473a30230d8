import { setTimeout as sleep } from 'node:timers/promises';
import { waitFor } from '../support/haproxy.ts';
import type { Cluster } from './cluster.ts';
import { deploy, readDefinitions, running, withImage, writeDefinitions } from './definitions.ts';
import type { Host } from './host.ts';
import { type Death, judge, type Verdict } from './judge.ts';
import type { Traffic } from './traffic.ts';

/** One thing that is done to the cluster while requests go through it. */
export interface Step {
  readonly name: string;
  run(tour: Tour): Promise<void>;
}

/** What the steps share. */
export interface Tour {
  readonly cluster: Cluster;
  readonly deaths: { readonly hosts: Map<string, Death>; readonly instances: Map<string, Death> };
}

/** What was seen of a step. */
export interface Tally {
  readonly step: string;
  readonly requests: number;
  /** Those of them that a client sent once more, since its kept connection was closed without a word. */
  readonly again: number;
  readonly verdicts: readonly Verdict[];
  /** Milliseconds: the slowest answer, and from the last thing that was done until all was as it should be. */
  readonly slowest: number;
  readonly healed: number;
}

/** Milliseconds for which requests are still looked at when all is as it should be. */
const AFTER = 2_000;

const hostNamed = (cluster: Cluster, number: number): Host => {
  const host = cluster.hosts[number - 1];
  if (!host) {
    throw new Error(`looking for host-${number}: there are ${cluster.hosts.length}`);
  }
  return host;
};

/** Changes the definitions, and has the hosts follow: all of them, or these alone. */
async function roll(
  { cluster }: Tour,
  tag: string,
  services: readonly string[],
  on = cluster.hosts,
): Promise<void> {
  const definitions = withImage(await readDefinitions(cluster.definitionsFile), tag, services);
  await writeDefinitions(cluster.definitionsFile, definitions);
  await deploy(definitions, cluster.hosts, on);
}

/** A new version of some services, as their definitions say it. */
export const deployStep = (services: readonly string[]): Step => ({
  name: `deploy: ${services.join(', ')} get another image`,
  run: (tour) => roll(tour, 'git-5d6e7f8', services),
});

/** The process of a container of this service is killed with -9, on the first host that has one; the engine starts it again. */
export const crashStep = (service: string): Step => ({
  name: `a container of ${service} crashes (kill -9)`,
  async run({ cluster, deaths }) {
    const one = (await running(cluster.hosts)).find((found) => found.service === service);
    const { docker } = one?.host ?? hostNamed(cluster, 1);
    const container = one?.container ?? '';
    const pid = async () => JSON.parse(await docker.api('GET', `/containers/${container}/json`)).State.Pid;
    const [before, from] = [await pid(), performance.now()];
    await one?.host.killInside(before);
    deaths.instances.set(one?.server.split('/')[1] ?? '', { from, to: performance.now() });
    await waitFor(async () => ![0, before].includes(await pid()), {
      what: `${container} to be started again`,
    });
  },
});

const killHostStep = (number: number): Step => ({
  name: `host-${number} loses its power`,
  async run({ cluster, deaths }) {
    const host = hostNamed(cluster, number);
    const ran = (await running([host])).map(({ server }) => server.split('/')[1] ?? '');
    const from = performance.now();
    const to = await host.kill();
    deaths.hosts.set(host.name, { from, to });
    for (const one of ran) {
      deaths.instances.set(one, { from, to });
    }
  },
});

const bootStep = (number: number): Step => ({
  name: `host-${number} has power again`,
  run: ({ cluster }) => hostNamed(cluster, number).boot(),
});

const cutOffStep = (number: number, service: string): Step => ({
  name: `host-${number} is cut off etcd, ${service} is deployed on the others, and it is back`,
  async run(tour) {
    const { cluster } = tour;
    const host = hostNamed(cluster, number);
    const members = cluster.store.members.map(({ machine }) => machine.address);
    await host.machine.cutOff(members);
    const isCutOff = async () => (await host.troubles()).some((one) => /^etcd.* is /.test(one));
    await waitFor(isCutOff, {
      what: `${host.name} to notice`,
      timeout: 30_000,
    });
    await roll(
      tour,
      'git-9a8b7c6',
      [service],
      cluster.hosts.filter((one) => one !== host),
    );
    await host.machine.reconnect(members);
    await waitFor(async () => !(await isCutOff()), { what: `${host.name} to be back`, timeout: 30_000 });
    await roll(tour, 'git-9a8b7c6', [service]);
  },
});

const leaderStep = (service: string): Step => ({
  name: `the leader of etcd is killed, ${service} is deployed, and it is back`,
  async run(tour) {
    const leader = await tour.cluster.store.leader();
    await leader.kill();
    await roll(tour, 'git-9a8b7c6', [service]);
    await leader.start();
  },
});

const wipeStep: Step = {
  name: 'etcd is wiped: all members killed, their data gone',
  run: ({ cluster }) => cluster.store.wipe(),
};

const rebootStep = (number: number): Step => ({
  name: `host-${number} is rebooted in order`,
  async run({ cluster }) {
    const host = hostNamed(cluster, number);
    await cluster.balancer.set(host.name, 'drain');
    await host.shutDown();
    await host.boot();
    await cluster.balancer.set(host.name, 'ready');
  },
});

/** All of it. */
export const STEPS: readonly Step[] = [
  { name: 'nothing happens', run: () => sleep(AFTER) },
  deployStep(['api', 'shop']),
  crashStep('orders'),
  killHostStep(2),
  bootStep(2),
  cutOffStep(3, 'api'),
  leaderStep('search'),
  wipeStep,
  rebootStep(1),
];

/** Does these things one after the other, each until all is as it should be again. Throws where that does not come. */
export async function tour(
  cluster: Cluster,
  traffic: Traffic,
  options: { readonly steps?: readonly Step[]; readonly tell?: (line: string) => void } = {},
): Promise<readonly Tally[]> {
  const { steps = STEPS, tell = () => {} } = options;
  const deaths = { hosts: new Map<string, Death>(), instances: new Map<string, Death>() };
  const done: { step: string; from: number; to: number; healed: number }[] = [];
  for (const step of steps) {
    const from = performance.now();
    const [last] = done.slice(-1);
    if (last) {
      last.to = from;
    }
    tell(`${step.name} …`);
    await step.run({ cluster, deaths });
    const over = performance.now();
    await settled(cluster).catch((error) => tell(String(error)));
    const healed = performance.now() - over;
    markBack(cluster, deaths);
    await sleep(AFTER);
    done.push({ step: step.name, from, to: Number.POSITIVE_INFINITY, healed });
    const failed = traffic.all.filter(({ sent, by }) => sent >= from && by === null).length;
    tell(`  … ${((performance.now() - from) / 1000).toFixed(1)} s, ${failed} without a good answer so far`);
  }
  await traffic[Symbol.asyncDispose]();
  const verdicts = traffic.all.filter(({ by }) => by === null).map((one) => judge(one, cluster, deaths));
  return done.map(({ step, from, to, healed }) => {
    const isHere = (at: number) => at >= from && at < to;
    const asked = traffic.all.filter(({ sent }) => isHere(sent));
    const answered = asked.filter(({ by }) => by !== null);
    return {
      step,
      requests: asked.length,
      again: asked.filter(({ again }) => again).length,
      verdicts: verdicts.filter(({ at }) => isHere(at)),
      slowest: Math.max(0, ...answered.map(({ sent, ended }) => ended - sent)),
      healed,
    };
  });
}

/** Who is on and was dead is back. */
function markBack(cluster: Cluster, { hosts, instances }: Tour['deaths']): void {
  const on = new Set(cluster.hosts.filter(({ isOn }) => isOn).map(({ name }) => name));
  for (const [name, death] of [...hosts, ...instances]) {
    if (on.has(name.split(':')[0] ?? '')) {
      death.until ??= performance.now();
    }
  }
}

/** Waits until all is as it should be. */
export async function settled(cluster: Cluster): Promise<void> {
  let amiss: readonly string[] = [];
  await waitFor(
    async () => {
      amiss = await cluster.amiss();
      return amiss.length === 0;
    },
    { what: 'all to be as it should be', timeout: 60_000, every: 100 },
  ).catch((error) => {
    throw new Error(`${error}:\n${amiss.slice(0, 20).join('\n')}`);
  });
}

/** The tallies as a table. */
export function tableOf(tallies: readonly Tally[]): string {
  const count = ({ verdicts }: Tally, kind: Verdict['kind']) =>
    verdicts.filter((one) => one.kind === kind).length;
  const rows = tallies.map((one) => [
    one.step,
    one.requests,
    one.again,
    count(one, 'failed'),
    count(one, 'died'),
    count(one, 'dead'),
    count(one, 'balancer'),
    `${(one.slowest / 1000).toFixed(1)} s`,
    `${(one.healed / 1000).toFixed(1)} s`,
  ]);
  return [
    '| step | requests | asked again | failed | died with their instance | asked a dead instance | given to a dead host by the load balancer | slowest answer | all as it should be after |',
    '| - | - | - | - | - | - | - | - | - |',
    ...rows.map((row) => `| ${row.join(' | ')} |`),
  ].join('\n');
}
