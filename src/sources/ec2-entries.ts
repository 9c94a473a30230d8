import { compare, type Entry } from '../model/entry.ts';
import type { Ec2SourceOptions, FixedOrTag } from './ec2-options.ts';

/** What is known of one instance that runs. */
export interface Ec2Instance {
  readonly id: string;
  readonly privateIp?: string;
  readonly publicIp?: string;
  /** Its first one. */
  readonly ipv6?: string;
  readonly az?: string;
  readonly type?: string;
  readonly image?: string;
  readonly subnet?: string;
  readonly vpc?: string;
  /** Milliseconds since 1970. */
  readonly launched?: number;
  readonly tags: ReadonlyMap<string, string>;
}

/** A fact of an instance, or why it has none. */
type Found<T> = { readonly value: T } | { readonly missing: string };

/**
 * Instances as the keys that etcd would have: `<services>/<service>/<instance id>`, sorted. One that lacks what makes it a
 * server is an entry that is refused by name, and hinders no other. Of two with one address the later launched is the newer.
 */
export function ec2Entries(instances: Iterable<Ec2Instance>, options: Ec2SourceOptions): Entry[] {
  return [...instances].map((instance) => entryOf(instance, options)).sort((a, b) => compare(a.key, b.key));
}

function entryOf(instance: Ec2Instance, { prefix, index, ...options }: Ec2SourceOptions): Entry {
  const service = fixedOrTag(options.service, instance, 'ec2.service');
  const port = portOf(options.port, instance);
  const host = addressOf(instance, options.address);
  // No service has this name: it is where an instance without one is told.
  const name = 'value' in service ? service.value : '?';
  const seconds = BigInt(Math.floor((instance.launched ?? 0) / 1000));
  const place = {
    key: `${prefix}/${name}/${instance.id}`,
    source: index,
    created: seconds,
    modified: seconds,
  };
  const missing = [service, host, port].flatMap((one) => ('missing' in one ? [one.missing] : []));
  if (missing.length > 0 || !('value' in host) || !('value' in port)) {
    return { ...place, value: '', refused: `the instance ${instance.id} ${missing.join('; it ')}` };
  }
  const meta = metaOf(instance, options.meta);
  const some = Object.keys(meta).length > 0 ? { meta } : {};
  return { ...place, value: JSON.stringify({ host: host.value, port: port.value, ...some }) };
}

function fixedOrTag<T>(
  from: FixedOrTag<T>,
  { tags }: Ec2Instance,
  setting: string,
): { readonly value: T | string } | { readonly missing: string } {
  if ('fixed' in from) {
    return { value: from.fixed };
  }
  const value = tags.get(from.tag)?.trim() ?? '';
  return value === '' ? { missing: `has no tag "${from.tag}" (${setting})` } : { value };
}

function portOf(from: FixedOrTag<number>, instance: Ec2Instance): Found<number> {
  const found = fixedOrTag(from, instance, 'ec2.port');
  if ('missing' in found) {
    return found;
  }
  const port = /^\d{1,5}$/.test(String(found.value)) ? Number(found.value) : 0;
  return port >= 1 && port <= 65_535
    ? { value: port }
    : { missing: `has the port ${JSON.stringify(found.value)} (ec2.port), which is none from 1 to 65535` };
}

const ADDRESSES = {
  private: { field: 'privateIp', words: 'private IPv4 address' },
  public: { field: 'publicIp', words: 'public IPv4 address' },
  ipv6: { field: 'ipv6', words: 'IPv6 address' },
} as const;

function addressOf(instance: Ec2Instance, address: keyof typeof ADDRESSES): Found<string> {
  const { field, words } = ADDRESSES[address];
  const found = instance[field];
  if (found) {
    return { value: found };
  }
  const others = Object.entries(ADDRESSES).flatMap(([word, other]) => (instance[other.field] ? [word] : []));
  const has = others.length === 0 ? '' : `, but others: ${others.join(', ')}`;
  return { missing: `has no ${words} (ec2.address: ${address}${has})` };
}

function metaOf(instance: Ec2Instance, wanted: readonly string[]): Record<string, string> {
  const facts: Readonly<Record<string, string | undefined>> = {
    az: instance.az,
    type: instance.type,
    image: instance.image,
    subnet: instance.subnet,
    vpc: instance.vpc,
    name: instance.tags.get('Name'),
    launched: instance.launched === undefined ? undefined : new Date(instance.launched).toISOString(),
  };
  return Object.fromEntries(
    wanted.flatMap((word) => {
      const name = word.startsWith('tag:') ? word.slice(4) : word;
      const value = word.startsWith('tag:') ? instance.tags.get(name) : facts[word];
      return value === undefined ? [] : [[name, value] as const];
    }),
  );
}
