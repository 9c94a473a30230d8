import type { Address } from '../../model/address.ts';
import { isLoopback } from '../../system/loopback.ts';
import type { Binding, Container } from './engine-answers.ts';

/** Where others reach a port of a container, or why they do not: one sentence, with what to do. */
export type FoundPort =
  | { readonly kind: 'found'; readonly inside: number; readonly port: number }
  | { readonly kind: 'refused'; readonly reason: string };

export interface PublishedPortOptions {
  /** The port inside of the container; null is the only one that is published. */
  readonly port: number | null;
  /** Ports that are somebody else's where none is given. */
  readonly others: ReadonlySet<number>;
  /** The address that is announced. */
  readonly at: Pick<Address, 'host' | 'family'>;
}

/** How a person says which port is meant. */
const SAY = 'say which by the label pointsman.port or --container-port';

/**
 * The port of the host that leads to a port of a container, at the address that is announced. A port may be published twice, at
 * different ports: at 0.0.0.0 and at [::]; it is that of the address's own family. On the host's network nothing is published,
 * and the port has to be given.
 */
export function publishedPort(
  { network, bindings }: Pick<Container, 'network' | 'bindings'>,
  { port, others, at }: PublishedPortOptions,
): FoundPort {
  if (network.kind === 'of') {
    return refused(`it has the network of the container ${network.container}, which is not there`);
  }
  if (network.kind === 'host') {
    return port === null
      ? refused(`it is on the host's network, where nothing is published and its port is not known: ${SAY}`)
      : { kind: 'found', inside: port, port };
  }
  const asked = bindings.filter((one) =>
    port === null ? !others.has(one.container) : one.container === port,
  );
  if (asked.length === 0) {
    return refused(
      port === null
        ? 'it publishes no port: start it with -p or -P'
        : `it does not publish port ${port}: start it with -p ${port}${publishedInstead(bindings)}`,
    );
  }
  const reached = asked.filter((one) => isReached(one, at));
  const [first] = reached.sort((a, b) => rank(a, at) - rank(b, at) || a.host - b.host);
  if (!first) {
    return refused(whyNotReached(asked, at));
  }
  const inside = portsOf(reached);
  return inside.length > 1
    ? refused(`it publishes the ports ${inside.join(', ')}: ${SAY}`)
    : { kind: 'found', inside: first.container, port: first.host };
}

function refused(reason: string): FoundPort {
  return { kind: 'refused', reason };
}

/** A name may lead to addresses of both families: IPv4 goes first, as with whoever looks it up here. */
function isReached({ ip }: Binding, { host, family }: PublishedPortOptions['at']): boolean {
  switch (ip) {
    case '':
      return true;
    case '0.0.0.0':
      return family !== 'ipv6';
    case '::':
      return family !== 'ipv4';
    default:
      return ip === host || (family === 'name' && !isLoopback(ip));
  }
}

function rank({ ip }: Binding, { host, family }: PublishedPortOptions['at']): number {
  if (ip === host) {
    return 0;
  }
  return family === 'name' && ip.includes(':') ? 2 : 1;
}

function whyNotReached(bindings: readonly Binding[], { host, family }: PublishedPortOptions['at']): string {
  const ports = portsOf(bindings).join(', ');
  const ips = [...new Set(bindings.map(({ ip }) => ip))];
  const where = `port ${ports} is published at ${ips.join(', ')} alone`;
  if (ips.every(isLoopback)) {
    return `${where}, which no other host reaches: publish it without an address (-p ${ports})`;
  }
  const other = ips.find((ip) => ip !== '0.0.0.0' && ip !== '::' && !isLoopback(ip));
  const announced = `${family === 'name' ? '' : family === 'ipv4' ? 'IPv4 ' : 'IPv6 '}${host} is announced`;
  return `${where}, and ${announced}: ${
    other === undefined
      ? 'publish it for that, too'
      : `publish it without an address, or give --host ${other}`
  }`;
}

function publishedInstead(bindings: readonly Binding[]): string {
  const ports = portsOf(bindings);
  return ports.length === 0 ? '' : ` (it publishes ${ports.join(', ')})`;
}

function portsOf(bindings: readonly Binding[]): number[] {
  return [...new Set(bindings.map(({ container }) => container))].sort((a, b) => a - b);
}
