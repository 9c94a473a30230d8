import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { stringify } from 'yaml';
import { startEc2 } from '../support/ec2.ts';
import { type Balancer, openBalancer } from './balancer.ts';
import { DATASTORE_PORT, openDatastore } from './datastore.ts';
import { type Definitions, deploy, FIRST, running, writeDefinitions } from './definitions.ts';
import { type Host, openHost } from './host.ts';
import { serviceImage } from './image.ts';
import { type Lab, openLab } from './lab.ts';
import { openStore, type Store } from './store.ts';

/** All of it on one machine. */
export interface Cluster extends AsyncDisposable {
  readonly lab: Lab;
  readonly store: Store;
  readonly hosts: readonly Host[];
  readonly balancer: Balancer;
  /** The file of what shall run. */
  readonly definitionsFile: string;
  /** What is not yet as it should be; empty when it is. */
  amiss(): Promise<readonly string[]>;
}

/** How large it is. */
export interface ClusterOptions {
  readonly members?: number;
  readonly hosts?: number;
  readonly definitions?: Definitions;
  /** Is told what is being done. */
  readonly tell?: (line: string) => void;
}

/** Starts everything and waits until every HAProxy serves every service. */
export async function openCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const { members = 3, hosts: count = 3, definitions = FIRST, tell = () => {} } = options;
  await using stack = new AsyncDisposableStack();
  const lab = stack.use(await openLab());
  tell(`${lab.name}: namespaces ${lab.name}-…, files in ${lab.folder}`);
  const site = path.join(lab.folder, 'site.yaml');
  const [store, datastore, tar] = await Promise.all([
    openStore(lab, members),
    openDatastore(lab, 'db-1', 31),
    serviceImage(lab.folder),
  ]);
  stack.use(store);
  stack.use(datastore);
  tell(`etcd: ${store.endpoints.join(', ')}`);
  await writeFile(
    site,
    stringify({
      routes: {
        db: { mode: 'tcp', port: DATASTORE_PORT },
        // Docker's proxy takes connections for a container that does not listen yet, and after a reboot for another one.
        ...Object.fromEntries(
          Object.keys(definitions.services).map((name) => [name, { check: { path: `/health/${name}` } }]),
        ),
      },
    }),
  );
  const ec2 = stack.use(
    await startEc2({
      host: lab.address(1),
      instances: [{ id: 'i-0123456789abcdef1', privateIp: datastore.address, tags: { role: 'db' } }],
    }),
  );
  const image = await readFile(tar);
  const opening = await Promise.allSettled(
    Array.from({ length: count }, (_, at) =>
      openHost(lab, `host-${at + 1}`, 21 + at, {
        etcd: store.endpoints,
        sources: [
          { file: { path: site } },
          {
            ec2: {
              region: 'eu-central-1',
              filters: { 'tag:role': 'db' },
              service: 'db',
              port: DATASTORE_PORT,
            },
          },
        ],
        env: ec2.environment(),
        image,
      }),
    ),
  );
  const hosts: Host[] = [];
  for (const one of opening) {
    if (one.status === 'fulfilled') {
      hosts.push(stack.use(one.value));
    }
  }
  for (const one of opening) {
    if (one.status === 'rejected') {
      throw one.reason;
    }
  }
  tell(`${count} hosts run, each with an engine, HAProxy, pointsman run and announce --all`);
  const balancer = stack.use(
    await openBalancer(
      lab,
      hosts.map(({ name, machine: { address } }) => ({ name, address })),
    ),
  );
  const definitionsFile = path.join(lab.folder, 'services.yaml');
  await writeDefinitions(definitionsFile, definitions);
  await deploy(definitions, hosts);
  const held = stack.move();
  return {
    lab,
    store,
    hosts,
    balancer,
    definitionsFile,
    amiss: () => amiss({ hosts, balancer, store }),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

/** What of the living hosts differs: each HAProxy should send requests to all containers that run, and to nothing else. */
async function amiss({
  hosts,
  balancer,
  store,
}: Pick<Cluster, 'hosts' | 'balancer' | 'store'>): Promise<readonly string[]> {
  const living = hosts.filter(({ isOn }) => isOn);
  const runs = new Set((await running(hosts)).map(({ server }) => server));
  const keys = await store.keys('/services/');
  const found = [...runs].flatMap((one) => (keys?.has(`/services/${one}`) ? [] : [`etcd lacks ${one}`]));
  for (const host of living) {
    const servers = await host.servers();
    const up = [...servers].filter(([name, state]) => /^UP/.test(state) && !name.startsWith('db/'));
    const names = new Set(up.map(([name]) => name));
    found.push(...[...runs].filter((one) => !names.has(one)).map((one) => `${host.name} lacks ${one}`));
    found.push(...[...names].filter((one) => !runs.has(one)).map((one) => `${host.name} has ${one}`));
    found.push(...(await host.troubles()).map((one) => `${host.name}: ${one}`));
  }
  if (!(await balancer.sendsTo(living.map(({ name }) => name)))) {
    found.push('the load balancer sends to other hosts than those that live');
  }
  return found;
}
