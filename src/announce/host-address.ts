import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { networkInterfaces } from 'node:os';
import { PointsmanError, SystemError, UsageError } from '../errors.ts';
import { type Address, addressOf } from '../model/address.ts';
import { whyRefused } from '../model/address-rules.ts';
import { BadValue } from '../model/fields.ts';
import { isLoopback } from '../system/loopback.ts';

/** Where others find this host. */
export type HostAddress = Pick<Address, 'host' | 'family'>;

export interface HostAddressOptions {
  /** What a person said: an address or a name. */
  readonly host?: string | undefined;
  /** The name of the network interface that has it. */
  readonly interface?: string | undefined;
  /** An URL of etcd: where neither of the two is given, the address that this host has on the way to there. */
  readonly endpoint: string;
}

const HINT =
  'Give the address with --host, or the name of the network interface that has it with --interface.';

/**
 * The address of this host for the others. Its own name is never looked up: what that gives is whatever somebody wrote
 * into /etc/hosts. An address that only this host has is refused, unless a person gave it with `host`.
 *
 * @throws UsageError, SystemError where there is none; at the boot of a machine a later try may find one
 */
export async function hostAddress(options: HostAddressOptions): Promise<HostAddress> {
  if (options.host !== undefined) {
    return given(options.host);
  }
  if (options.interface !== undefined) {
    return ofInterface(options.interface);
  }
  return onTheWayTo(options.endpoint);
}

/** No address by itself is refused here but those that no server has. */
function given(host: string): HostAddress {
  const doing = 'reading --host';
  const address = canonical(host, doing);
  const refused = whyNone(address);
  if (refused !== undefined) {
    throw new UsageError(`${doing}: ${refused}`);
  }
  return address;
}

function ofInterface(name: string): HostAddress {
  const doing = `looking for the address of --interface ${name}`;
  const interfaces = networkInterfaces();
  const found = interfaces[name];
  if (found === undefined) {
    throw new UsageError(`${doing}: there is none of that name with an address`, {
      hint: `There are ${Object.keys(interfaces).join(', ')}.`,
    });
  }
  // IPv4 first: every host of a fleet has it, and it is what Docker publishes on by itself.
  const addresses = found
    .toSorted((a, b) => a.family.localeCompare(b.family))
    .map(({ address }) => canonical(address, doing));
  const fits = addresses.find((one) => !isLoopback(one.host) && whyNone(one) === undefined);
  if (fits === undefined) {
    const all = addresses.map(({ host }) => host).join(', ');
    throw new UsageError(`${doing}: no other host reaches it at ${all}`, { hint: HINT });
  }
  return fits;
}

/** By a datagram socket that sends nothing: the kernel chooses the address by its routes, whether etcd is there or not. */
async function onTheWayTo(endpoint: string): Promise<HostAddress> {
  const doing = `looking for the address of this host on the way to ${endpoint}`;
  const { hostname, port } = new URL(endpoint);
  try {
    const target = await lookup(hostname.replace(/^\[(.*)\]$/, '$1'));
    const address = canonical(await localAddress(target, Number(port) || 2379), doing);
    const refused = isLoopback(address.host)
      ? `${address.host} is this host alone, since etcd is reached there`
      : whyNone(address);
    if (refused !== undefined) {
      throw new UsageError(`${doing}: ${refused}`, { hint: HINT });
    }
    return address;
  } catch (error) {
    if (error instanceof PointsmanError || !(error instanceof Error)) {
      throw error;
    }
    throw new SystemError(`${doing}: ${error.message}`, { hint: HINT, cause: error });
  }
}

function localAddress(
  { address, family }: { readonly address: string; readonly family: number },
  port: number,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(family === 6 ? 'udp6' : 'udp4');
    const fail = (error: Error) => {
      socket.close();
      reject(error);
    };
    socket.once('error', fail);
    // Node calls back with the error, too, where there is no way.
    socket.connect(port, address, (error?: Error) => {
      if (error instanceof Error) {
        fail(error);
        return;
      }
      const local = socket.address().address;
      socket.close();
      resolve(local);
    });
  });
}

function canonical(host: string, doing: string): HostAddress {
  try {
    const { family, ...address } = addressOf(host, 1);
    return { host: address.host, family };
  } catch (error) {
    if (error instanceof BadValue) {
      throw new UsageError(`${doing}: ${error.message}`);
    }
    throw error;
  }
}

const whyNone = (address: HostAddress) => whyRefused(address, { deny: [], allow: [], names: true });
