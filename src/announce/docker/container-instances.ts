import type { Address } from '../../model/address.ts';
import { classifyKey } from '../../model/keys.ts';
import type { Registration } from '../registration.ts';
import type { Container } from './engine-answers.ts';
import { publishedPort } from './published-port.ts';
import type { ReadWanted, WantedCheck, WantedService } from './wanted-service.ts';

/** What the host of the containers is to the others. */
export interface AnnouncingHost {
  /** The address that is announced. */
  readonly address: Pick<Address, 'host' | 'family'>;
  /** The host's own name. */
  readonly name: string;
  /** What tells this machine from all others. */
  readonly machine: string;
  /** Whose all keys are. @default each `<machine>/<container>` */
  readonly owner?: string | undefined;
}

/** A registration of a container, and by which check it is well. */
export interface ContainerInstance {
  readonly registration: Registration;
  readonly check: WantedCheck | null;
}

/** What a container is announced as, and what of it is not, with the reason: a sentence each. */
export interface ContainerInstances {
  readonly instances: readonly ContainerInstance[];
  readonly complaints: readonly string[];
}

/** The registrations of one container. Two that ask for the same key are one: the first. */
export function containerInstances(
  container: Container,
  { wanted, complaints }: ReadWanted,
  host: AnnouncingHost,
): ContainerInstances {
  const named = new Set(wanted.flatMap(({ port }) => port ?? []));
  const instances = new Map<string, ContainerInstance>();
  const all = [...complaints];
  for (const one of wanted) {
    const found = publishedPort(container, { port: one.port, others: named, at: host.address });
    if (found.kind === 'refused') {
      all.push(`not announced as ${one.service}: ${found.reason}`);
      continue;
    }
    const instance = one.instance ?? `${host.name}:${container.name}:${found.inside}`;
    const bad = badKey(one.service, instance);
    if (bad !== null) {
      all.push(`not announced as ${one.service}: ${bad}`);
      continue;
    }
    const key = `${one.service}/${instance}`;
    if (instances.has(key)) {
      all.push(`two services ask for the key ${key}: the first has it`);
      continue;
    }
    const registration = { ...registered(container, one, host), instance, port: found.port };
    instances.set(key, { registration, check: one.check ?? null });
  }
  return { instances: [...instances.values()], complaints: all };
}

/** What tells the partner of a container from all others, whatever its lease. */
export function ownerOfContainer(machine: string, container: string): string {
  return `${machine}/${container}`;
}

/** The tag of an image; the beginning of its digest where it has only that. */
export function imageVersion(image: string): string {
  const [name = '', digest = ''] = image.split('@');
  const tag = /:([^:/]+)$/.exec(name)?.[1];
  if (tag !== undefined && name !== 'sha256') {
    return /^sha256:/.test(name) ? tag.slice(0, 12) : tag;
  }
  return digest === '' ? 'latest' : digest.replace(/^sha256:/, '').slice(0, 12);
}

function registered(
  container: Container,
  { service, weight, tags, meta }: WantedService,
  host: AnnouncingHost,
): Omit<Registration, 'instance' | 'port'> {
  return {
    service,
    address: host.address.host,
    ...(weight === undefined ? {} : { weight }),
    ...(tags === undefined ? {} : { tags }),
    meta: {
      ...meta,
      version: imageVersion(container.image),
      started: container.startedAt,
      host: host.name,
      owner: host.owner ?? ownerOfContainer(host.machine, container.name),
    },
  };
}

function badKey(service: string, instance: string): string | null {
  const role = classifyKey(`/s/${service}/${instance}`, { services: ['/s'], routes: [], keys: [] });
  return role.kind === 'wrong' ? role.reason : null;
}
