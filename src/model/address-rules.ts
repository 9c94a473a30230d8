import type { Address } from './address.ts';

/** A range of addresses; IPv4 ones stand where `::ffff:0:0/96` maps them. */
export interface Network {
  readonly first: bigint;
  readonly last: bigint;
}

/** Which addresses a server may have: `addresses` of the settings. */
export interface AddressRules {
  /** Refused beside those that are refused always. */
  readonly deny: readonly Network[];
  /** Let in whatever else refuses them. */
  readonly allow: readonly Network[];
  /** Whether host names are let in: who answers for them decides where they lead. */
  readonly names: boolean;
}

const MAPPED = 0xffffn << 32n;
const IPV4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/;

/** Reads `10.0.0.0/8`, `fd00::/8` or one address; undefined where it is none. */
export function networkOf(text: string): Network | undefined {
  const [, host = '', length] = /^([0-9a-fA-F.:]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const value = numberOf(host);
  const bits = IPV4.test(host) ? 32 : 128;
  const taken = Number(length ?? bits);
  if (value === undefined || taken > bits) {
    return undefined;
  }
  const rest = (1n << BigInt(bits - taken)) - 1n;
  return { first: value & ~rest, last: value | rest };
}

/** Why no server may have this address, or undefined. */
export function whyRefused(
  { host, family }: Pick<Address, 'host' | 'family'>,
  rules: AddressRules,
): string | undefined {
  if (family === 'name') {
    return rules.names
      ? undefined
      : `the host must be an IP address, since addresses.names is false; found "${host}"`;
  }
  const value = numberOf(host);
  const isIn = (networks: readonly Network[], one: bigint) =>
    networks.some((network) => covers(network, one));
  if (value === undefined || isIn(rules.allow, value)) {
    return undefined;
  }
  for (const one of [value, ...embedded(value)]) {
    if (isIn(rules.allow, one)) {
      continue;
    }
    const kind = KINDS.find(({ networks }) => isIn(networks, one));
    const leads = one === value ? 'is' : 'leads to';
    if (kind) {
      return `${host} ${leads} ${kind.what}, which no server has; addresses.allow lets it in`;
    }
    if (isIn(rules.deny, one)) {
      return `${host} ${leads} an address that addresses.deny refuses`;
    }
  }
  return undefined;
}

/** What is refused unless it is allowed. */
const KINDS: readonly { readonly what: string; readonly networks: readonly Network[] }[] = [
  {
    // Of AWS, GCP, Azure, Oracle, Alibaba and Scaleway; others have 169.254.169.254.
    what: "the cloud's own address for metadata",
    networks: some(
      '169.254.169.254',
      '169.254.170.2',
      '100.100.100.200',
      '168.63.129.16',
      '192.0.0.192',
      'fd00:ec2::/32',
      'fd20:ce::254',
      'fd00:c1::a9fe:a9fe',
      'fd00:42::42',
    ),
  },
  { what: 'a link-local address', networks: some('169.254.0.0/16', 'fe80::/10') },
  { what: 'a multicast address', networks: some('224.0.0.0/4', 'ff00::/8') },
  { what: 'an unspecified address', networks: some('0.0.0.0/8', '::') },
  { what: 'a broadcast address', networks: some('255.255.255.255') },
];

function some(...texts: readonly string[]): Network[] {
  return texts.flatMap((text) => networkOf(text) ?? []);
}

function covers({ first, last }: Network, value: bigint): boolean {
  return first <= value && value <= last;
}

const lowest = (value: bigint) => value & 0xffff_ffffn;
/** The IPv4 address that stands in an IPv6 one, by its network. */
const EMBEDDED: readonly { readonly networks: readonly Network[]; read(value: bigint): bigint }[] = [
  // Compatible, translated and NAT64 addresses: RFC 4291 2.5.5, 7915, 6052, 8215.
  { networks: some('::/96', '::ffff:0:0:0/96', '64:ff9b::/96', '64:ff9b:1::/48'), read: lowest },
  // The same network with a prefix of 48 bits: RFC 6052 2.2.
  {
    networks: some('64:ff9b:1::/48'),
    read: (value) => (((value >> 64n) & 0xffffn) << 16n) | ((value >> 40n) & 0xffffn),
  },
  // 6to4 and Teredo: RFC 3056, 4380.
  { networks: some('2002::/16'), read: (value) => lowest(value >> 80n) },
  { networks: some('2001::/32'), read: (value) => lowest(~value) },
];

/** The IPv4 addresses that an IPv6 one leads to through translators and tunnels, as mapped ones. */
function embedded(value: bigint): bigint[] {
  // `::` and `::1` are no IPv4 address in other clothes.
  if (value <= 1n) {
    return [];
  }
  const found = EMBEDDED.filter(({ networks }) => networks.some((network) => covers(network, value)));
  return found.map(({ read }) => MAPPED | read(value));
}

/** An address as a number. */
function numberOf(host: string): bigint | undefined {
  const four = IPV4.exec(host);
  if (four) {
    const parts = four.slice(1).map(Number);
    return parts.some((part) => part > 255)
      ? undefined
      : MAPPED | BigInt(parts.reduce((sum, part) => sum * 256 + part, 0));
  }
  const url = host.includes(':') ? URL.parse(`http://[${host}]/`) : null;
  return url ? groupsOf(url.hostname.slice(1, -1)) : undefined;
}

/** The number of an IPv6 address in its shortest form. */
function groupsOf(shortest: string): bigint {
  const [head = '', tail] = shortest.split('::');
  const [left, right] = [head, tail ?? ''].map((part) => (part === '' ? [] : part.split(':')));
  const zeros = Array<string>(8 - (left?.length ?? 0) - (right?.length ?? 0)).fill('0');
  const groups = [...(left ?? []), ...zeros, ...(right ?? [])];
  return groups.reduce((sum, group) => (sum << 16n) | BigInt(Number.parseInt(group, 16)), 0n);
}
