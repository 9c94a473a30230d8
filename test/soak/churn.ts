import { setTimeout as sleep } from 'node:timers/promises';
import type { Service } from './fleet.ts';
import { Deck, type Random } from './random.ts';
import type { World } from './world.ts';

/** A change of what is registered. It owns its service (or its key) while it lasts. */
interface Change {
  readonly name: string;
  /** What is owned: a lasting http service, any lasting service, or a key. */
  readonly of: 'http' | 'any' | 'note' | 'spread' | 'ghost' | 'new service';
  make(at: { world: World; random: Random; service: Service }): Promise<void>;
}

/** Seconds in which anything changes, then seconds in which only instances do: those need no reload. */
const PHASE = 8;
const FEWEST = 2;
const MOST = 6;

const announce: Change['make'] = ({ world, service }) =>
  service.instances.size < MOST ? world.fleet.announce(service) : world.fleet.retire(service, 'delete');

const retire =
  (way: 'delete' | 'drain'): Change['make'] =>
  ({ world, service }) =>
    service.instances.size > FEWEST ? world.fleet.retire(service, way) : world.fleet.announce(service);

/** Puts something bad, and later what makes it good, or nothing. */
async function badThenMended(
  world: World,
  key: string,
  options: { bad: string; good: string | null; ms: number },
) {
  await world.store.put(key, options.bad);
  await sleep(options.ms);
  await (options.good === null ? world.store.delete(key) : world.store.put(key, options.good));
}

const BAD_INSTANCES = [
  'foo bar',
  'nowhere',
  '127.0.0.1:99999',
  '{"host":"127.0.0.1"',
  '127.0.0.1:80\n  server x 1.2.3.4:80',
];
const BAD_ROUTES = [
  '{',
  '[]',
  '{"hosts":["white space"]}',
  '{"balance":"roundrobin\\n  mode tcp"}',
  '{"mode":"udp"}',
];
/** HAProxy refuses the first two, the template the last one. */
const BAD_SPREADS = ['99', '-1', '5\n  nonsense'];

const CHANGES: readonly Change[] = [
  { name: 'an instance comes', of: 'any', make: announce },
  { name: 'an instance comes', of: 'any', make: announce },
  { name: 'an instance goes', of: 'any', make: retire('delete') },
  { name: 'an instance drains and goes', of: 'any', make: retire('drain') },
  { name: 'a weight', of: 'any', make: ({ world, service }) => world.fleet.weigh(service) },
  { name: 'an instance moves', of: 'any', make: ({ world, service }) => world.fleet.move(service) },
  {
    name: 'all instances but one replaced',
    of: 'any',
    async make({ world, service }) {
      const old = service.instances.size - 1;
      for (let n = 0; n < 2; n++) {
        await world.fleet.announce(service);
      }
      for (let n = 0; n < Math.min(old, 3); n++) {
        await world.fleet.retire(service, 'delete');
      }
    },
  },
  {
    name: 'a route changes',
    of: 'http',
    make: ({ world, random, service: { name } }) =>
      world.store.put(`/routes/${name}`, {
        hosts: [name, `${name}${random.int(1, 99)}.example.com`],
        balance: random.pick(['roundrobin', 'leastconn', 'random', 'uri', 'source']),
        ...(random.chance(0.5) ? { check: { path: '/health', interval: '2s' } } : {}),
      }),
  },
  {
    name: 'a route goes',
    of: 'http',
    make: ({ world, service: { name } }) => world.store.delete(`/routes/${name}`),
  },
  {
    // Of a service that nobody uses: a route that is refused takes its service off the frontend.
    name: 'a bad route, mended',
    of: 'ghost',
    make: ({ world, random }) =>
      badThenMended(world, '/routes/ghost', {
        bad: random.pick(BAD_ROUTES) ?? '{',
        good: random.chance(0.5) ? '{"hosts":["ghost"]}' : null,
        ms: random.int(300, 1500),
      }),
  },
  {
    name: 'a bad instance, deleted',
    of: 'any',
    make: ({ world, random, service: { name } }) =>
      badThenMended(world, `/services/${name}/bad${random.int(1, 999)}`, {
        bad: random.pick(BAD_INSTANCES) ?? '',
        good: null,
        ms: random.int(300, 1500),
      }),
  },
  {
    name: 'a free key in a comment',
    of: 'note',
    make: ({ world, random }) => world.store.put('/haproxy/note', `note ${random.int(1, 999)}`),
  },
  {
    name: 'a free key',
    of: 'spread',
    make: ({ world, random }) => world.store.put('/haproxy/spread', String(random.int(1, 50))),
  },
  {
    name: 'a bad free key, mended',
    of: 'spread',
    make: ({ world, random }) =>
      badThenMended(world, '/haproxy/spread', {
        bad: random.pick(BAD_SPREADS) ?? '99',
        good: random.chance(0.5) ? String(random.int(1, 50)) : null,
        ms: random.int(500, 2500),
      }),
  },
  { name: 'a service for a while', of: 'new service', make: newService },
];

let services = 0;

async function newService({ world, random }: { world: World; random: Random }): Promise<void> {
  const { fleet, outlook, traffic, site, store } = world;
  services += 1;
  const service = fleet.service(`new${services}`);
  const { name } = service;
  if (random.chance(0.3)) {
    await store.put(`/routes/${name}`, { hosts: [name], meta: { owner: 'soak' } });
  }
  for (let n = random.int(1, 3); n > 0; n--) {
    await fleet.announce(service);
  }
  const there = await outlook.until(
    ({ rows, oldWorkers }) => oldWorkers === 0 && rows.some(({ backend }) => backend === `be_${name}`),
    60_000,
  );
  if (!there) {
    return world.story.problem(`the service ${name} did not appear within 60 s`);
  }
  traffic.add({ service: name, port: site.httpPort, kept: true });
  await sleep(random.int(500, 3000));
  traffic.remove(name);
  // The last requests were sent a moment ago at most; instances serve on until they are out.
  await sleep(500);
  while (service.instances.size > 0) {
    await fleet.retire(service, 'delete');
  }
  await store.delete(`/routes/${name}`);
  fleet.services.delete(name);
}

/** Changes things until `signal` aborts, then waits until everything begun is done. */
export async function churn(world: World, signal: AbortSignal): Promise<void> {
  const random = world.random.fork();
  const deck = new Deck(CHANGES, random);
  const owned = new Set<string>();
  const underWay = new Set<Promise<void>>();
  while (!signal.aborted) {
    const names = (of: Change['of']) =>
      (of === 'any'
        ? [...world.lasting]
        : of === 'http'
          ? world.lasting.filter((name) => name !== 'tcp')
          : [of]
      ).filter((name) => !owned.has(name));
    const calm = Math.floor(world.story.now / PHASE) % 2 === 1;
    const change = deck.deal(({ of }) => (!calm || of === 'any') && names(of).length > 0);
    const owner = change && random.pick(names(change.of));
    if (change && owner !== undefined) {
      owned.add(owner);
      world.story.changed(change.name);
      const service = world.fleet.services.get(owner) ?? { name: owner, instances: new Map() };
      const made = change
        .make({ world, random: random.fork(), service })
        .catch((error) => world.story.problem(`${change.name}: ${String(error)}`))
        .finally(() => {
          owned.delete(owner);
          underWay.delete(made);
        });
      underWay.add(made);
    }
    await sleep(random.chance(0.3) ? random.int(5, 60) : random.int(100, 700));
  }
  await Promise.all(underWay);
}
