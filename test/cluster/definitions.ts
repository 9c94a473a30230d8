import { readFile, writeFile } from 'node:fs/promises';
import { parse, stringify } from 'yaml';
import { waitFor } from '../support/haproxy.ts';
import { DATASTORE_PORT } from './datastore.ts';
import { DOMAIN, FROM_CONTAINER, type Host, LINGER } from './host.ts';
import { pull } from './image.ts';

/** What shall run, in the form of the definitions that `pointsman units` reads. */
export interface Definitions {
  readonly services: Readonly<Record<string, { readonly image: string; readonly instances: number }>>;
}

/** The first definitions: six services of two or three containers. */
export const FIRST: Definitions = {
  services: Object.fromEntries(
    Object.entries({ account: 2, api: 3, assets: 2, orders: 3, search: 2, shop: 3 }).map(
      ([name, instances]) => [name, { image: `${name}:git-1a2b3c4`, instances }],
    ),
  ),
};

/** A container that runs. */
export interface Instance {
  readonly service: string;
  /** As it answers. */
  readonly container: string;
  readonly host: Host;
  /** Its server in every HAProxy. */
  readonly server: string;
}

/** Reads a file of definitions. */
export async function readDefinitions(file: string): Promise<Definitions> {
  return parse(await readFile(file, 'utf8')) as Definitions;
}

/** Writes it. */
export async function writeDefinitions(file: string, definitions: Definitions): Promise<void> {
  await writeFile(file, stringify(definitions));
}

/** The definitions with another image of some services. */
export function withImage(before: Definitions, tag: string, services: readonly string[]): Definitions {
  const changed = services.map((name) => [name, { ...before.services[name], image: `${name}:${tag}` }]);
  return { services: { ...before.services, ...Object.fromEntries(changed) } };
}

/** What runs, as the engines of the hosts say. */
export async function running(hosts: readonly Host[]): Promise<readonly Instance[]> {
  const all = await Promise.all(hosts.filter(({ isOn }) => isOn).map(containersOn));
  return all.flat();
}

async function containersOn(host: Host): Promise<Instance[]> {
  const said = await host.docker.api('GET', '/containers/json').catch(() => '[]');
  const listed: { State: string; Names: string[]; Labels: Record<string, string> }[] = JSON.parse(said);
  return listed
    .filter(({ State }) => State === 'running')
    .map(({ Names, Labels }) => instance(Labels['pointsman.service'] ?? '', (Names[0] ?? '').slice(1), host));
}

function instance(service: string, container: string, host: Host): Instance {
  return { service, container, host, server: `${service}/${host.name}:${container}:8080` };
}

/**
 * Makes the hosts run what the definitions say, as a scheduler would: of each service that differs, new containers first, and
 * when every HAProxy has them, the old ones are stopped, one after the other. Each instance has a host of its own; where
 * that is off, the instance is missing: this one places nothing anew.
 */
export async function deploy(definitions: Definitions, hosts: readonly Host[], on = hosts): Promise<void> {
  const services = Object.entries(definitions.services);
  await Promise.all(
    services.map(async ([service, { image, instances }], turn) => {
      const wanted = Array.from({ length: instances }, (_, at) => {
        const host = hosts[(turn + at) % hosts.length];
        const container = `${service}-${at + 1}-${image.split(':')[1]}`;
        return host === undefined ? [] : [instance(service, container, host)];
      }).flat();
      const here = ({ host }: Instance) => host.isOn && on.includes(host);
      const before = (await running(hosts)).filter((one) => one.service === service && here(one));
      const names = new Set(wanted.map(({ container }) => container));
      const known = new Set(before.map(({ container }) => container));
      const fresh = wanted.filter((one) => here(one) && !known.has(one.container));
      await Promise.all(fresh.map((one) => start(one, image)));
      const there = hosts.filter((host) => host.isOn && on.includes(host));
      await served(fresh, there);
      for (const one of before.filter(({ container }) => !names.has(container))) {
        await one.host.docker.stop(one.container, 20);
        await one.host.docker.remove(one.container);
      }
    }),
  );
}

async function start({ service, container, host }: Instance, image: string): Promise<void> {
  await pull(host.docker, image);
  await host.docker.run({
    name: container,
    image,
    restart: 'always',
    labels: { 'pointsman.service': service, 'pointsman.check': `/health/${service}` },
    env: {
      NAME: `${service}/${container}`,
      VERSION: image,
      LINGER,
      DATASTORE: `${FROM_CONTAINER}:${DATASTORE_PORT}`,
    },
  });
}

/** Waits until HAProxy of each of these hosts sends requests to each of these instances. */
async function served(instances: readonly Instance[], hosts: readonly Host[]): Promise<void> {
  await waitFor(
    async () => {
      const all = await Promise.all(hosts.map((host) => host.servers()));
      return all.every((servers) => instances.every(({ server }) => /^UP/.test(servers.get(server) ?? '')));
    },
    { what: `${instances.map(({ container }) => container)} to be served`, timeout: 120_000, every: 100 },
  );
}

/** The host name of a service at the load balancer. */
export const hostOf = (service: string): string => `${service}.${DOMAIN}`;
