import { startAnnounce, type TestAnnounce } from '../support/announce.ts';
import type { ContainerOptions } from '../support/containers.ts';
import { type DockerOptions, startDocker, type TestDocker } from '../support/docker.ts';
import type { TestEtcd } from '../support/etcd.ts';
import { request } from '../support/haproxy.ts';
import { type Asking, startAsking } from './asking.ts';
import { type Rig, showServers, startRig } from './rig.ts';

/** A whole host: an engine, `announce --all`, etcd, Pointsman, HAProxy, and requests for two services of containers. */
export interface Host extends AsyncDisposable {
  readonly rig: Rig;
  readonly etcd: TestEtcd;
  readonly docker: TestDocker;
  /** The `announce --all` that runs now. */
  announce: TestAnnounce;
  /** Starts it anew: on what the one before left in its state folder. */
  startAnnounce(): Promise<void>;
  /** Runs a container, which answers `<service>/<name>` and serves on for `LINGER` seconds after SIGTERM. */
  run(service: string, name: string, options?: ContainerOptions): Promise<void>;
  /** Requests for `shop` and `api`, from their first container on. */
  ask(...services: readonly string[]): Asking;
  /** Waits until HAProxy has given a request to each of these containers, which are named as they answer. */
  served(...names: readonly string[]): Promise<number>;
  /** Waits until the store has what the engine runs, and nothing else. Gives the milliseconds. */
  equal(timeout?: number): Promise<number>;
  /** Waits until HAProxy has the servers that the store has, and no others. Gives the milliseconds. */
  follows(): Promise<number>;
  /** The keys of `shop` and `api` with the revisions of their last changes. */
  keys(): Promise<readonly string[]>;
  /** Milliseconds of `performance.now()` at which each key was put last, by its value's address. */
  readonly claimed: Map<string, number>;
}

/** How HAProxy is made to follow: `apply.mode`. */
export type ApplyMode = 'auto' | 'reload';

export interface HostOptions extends DockerOptions {
  readonly mode: ApplyMode;
  readonly ttl?: string;
  /** Done before `announce` starts. */
  readonly beforeAnnounce?: (etcd: TestEtcd) => Promise<void>;
  /** Where `announce` reaches etcd. @default etcd itself */
  readonly endpointOf?: (etcd: TestEtcd) => string;
}

/** Seconds for which the images serve on, and what `announce` drains: less than that, and longer than HAProxy needs. */
const LINGER = { auto: '2', reload: '6' } as const;
const DRAIN = { auto: '1s', reload: '4s' } as const;

const SERVICES = ['shop', 'api'] as const;

/** Starts a host whose engine runs nothing yet. */
export async function startHost(options: HostOptions): Promise<Host> {
  await using stack = new AsyncDisposableStack();
  const rig = stack.use(await startRig({ more: { apply: { mode: options.mode } } }));
  const docker = stack.use(await startDocker(options));
  const { etcd, site } = rig;
  await options.beforeAnnounce?.(etcd);
  const start = () =>
    startAnnounce({
      etcd: { endpoint: options.endpointOf?.(etcd) ?? etcd.endpoint },
      stateDir: site.folder,
      flags: ['--all', '--host', '127.0.0.1', '--drain', DRAIN[options.mode], '--ttl', options.ttl ?? '5m'],
      env: docker.env,
    });
  let announce = await start();
  stack.defer(async () => {
    announce.child.kill('SIGKILL');
    await announce.ended;
  });
  await announce.told('engine-here');
  await announce.told('store-live');
  const claimed = new Map<string, number>();
  stack.use(await followClaims(etcd, claimed));
  const held = stack.move();
  const stored = async () => {
    const all = await Promise.all(
      SERVICES.map((one) => etcd.client.getAll().prefix(`/services/${one}/`).json()),
    );
    return all.flatMap((keys, at) =>
      Object.values(keys as Record<string, { port: number; drain?: boolean }>).map(
        ({ port, drain }) => `${SERVICES[at]} ${port}${drain ? ' drains' : ''}`,
      ),
    );
  };
  const running = async () => {
    const all: ListedContainer[] = JSON.parse(await docker.api('GET', '/containers/json'));
    return all
      .filter(({ State }) => State === 'running')
      .map(({ Labels, Ports }) => {
        const published = Ports.find(({ IP, PublicPort }) => IP === '0.0.0.0' && PublicPort !== undefined);
        return `${Labels['pointsman.service']} ${Labels['pointsman.port'] ?? published?.PublicPort}`;
      });
  };
  return {
    rig,
    etcd,
    docker,
    claimed,
    get announce() {
      return announce;
    },
    set announce(next) {
      announce = next;
    },
    async startAnnounce() {
      announce = await start();
    },
    async run(service, name, given = {}) {
      await docker.run({
        ...given,
        name,
        env: { NAME: `${service}/${name}`, LINGER: LINGER[options.mode], ...given.env },
        labels: { 'pointsman.service': service, 'pointsman.check': '/', ...given.labels },
      });
    },
    ask: (...services) => held.use(startAsking(site.url, services)),
    served(...names) {
      const missing = new Set(names);
      return rig.time(
        async () => {
          for (const host of new Set(names.map(serviceOf))) {
            const answer = await request(site.url, { host }).catch(() => null);
            missing.delete(answer?.body.trim() ?? '');
          }
          return missing.size === 0;
        },
        `requests at ${names}`,
        30_000,
      );
    },
    equal: (timeout = 60_000) => {
      const same = async () => {
        const both = await Promise.all([stored(), running()]).catch(() => []);
        const [keys, containers] = both.map((one) => String(one.toSorted()));
        return keys !== undefined && keys === containers;
      };
      return rig.time(same, 'a store that equals the engine', timeout).catch(async (error) => {
        throw new Error(
          `${error}\nstore: ${await stored()}\nengine: ${await running()}\n${announce.output().slice(-4000)}`,
        );
      });
    },
    follows: () =>
      rig.time(
        async () => {
          const [text, keys] = await Promise.all([showServers(site.masterSocket), stored()]);
          const servers = text.split('\n').filter((line) => /:(?:shop|api)-/.test(line));
          const ports = keys.map((key) => key.split(' ')[1]);
          return (
            servers.length === ports.length &&
            ports.every((port) => servers.some((line) => line.includes(` ${port} `)))
          );
        },
        'the servers of HAProxy',
        30_000,
      ),
    async keys() {
      const found = await Promise.all(
        SERVICES.map((one) => etcd.client.getAll().prefix(`/services/${one}/`).exec()),
      );
      return found
        .flatMap(({ kvs }) => kvs.map((kv) => `${kv.key} ${kv.mod_revision} ${kv.lease}`))
        .toSorted();
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

interface ListedContainer {
  readonly State: string;
  readonly Labels: Readonly<Record<string, string>>;
  readonly Ports: readonly { readonly IP?: string; readonly PublicPort?: number }[];
}

/** The service of a container that is named as it answers. */
export const serviceOf = (name: string): string => name.split('/')[0] ?? '';

/** Notes when each address was claimed, as the store says it. */
async function followClaims(etcd: TestEtcd, claimed: Map<string, number>): Promise<AsyncDisposable> {
  const watcher = await etcd.client.watch().prefix('/services/').create();
  watcher.on('put', ({ key, value }) => {
    const [, , service = ''] = key.toString().split('/');
    const { port } = JSON.parse(value.toString() || '{}') as { port?: number };
    if (!claimed.has(`${service} ${port}`)) {
      claimed.set(`${service} ${port}`, performance.now());
    }
  });
  watcher.on('error', () => undefined);
  return { [Symbol.asyncDispose]: () => watcher.cancel().catch(() => undefined) };
}
