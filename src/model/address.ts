import { BadValue } from './fields.ts';
import { shorten } from './shorten.ts';

/** Where a server listens: checked and in one canonical form, so that equal addresses are equal strings. */
export interface Address {
  /** IPv4, IPv6 in its shortest form without brackets, or a lower-cased host name. */
  readonly host: string;
  readonly family: 'ipv4' | 'ipv6' | 'name';
  readonly port: number;
  /** `host:port`, with IPv6 in brackets. */
  readonly address: string;
}

const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;
const LABEL = '[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?';
/** A last label that makes resolvers read the whole as an IPv4 address: `127.1`, `0177.0.0.1`, `2130706433`, `0x7f000001`. */
const NUMBER = /(?:^|\.)(?:\d+|0x[0-9a-f]*)$/;
const HOST_NAME = new RegExp(`^${LABEL}(?:\\.${LABEL})*$`);

/** Reads `host:port` or `[v6]:port`. Throws `BadValue`. */
export function parseAddress(text: string): Address {
  if (/[\u0000-\u001f\u007f]/.test(text)) {
    throw new BadValue('the address holds a line break or a control character');
  }
  const found = /^(?:\[([^\]]*)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  if (!found) {
    throw new BadValue(whyNot(text));
  }
  const host = found[1] === undefined ? parseHost(found[2] ?? '') : ipv6(found[1]);
  return withPort(host, portNumber(Number(found[3])));
}

/** Joins a host of a JSON value with its port. Throws `BadValue`. */
export function addressOf(host: string, port: number): Address {
  return withPort(parseHost(host.replace(/^\[(.*)\]$/, '$1')), portNumber(port));
}

/** A host name as HAProxy and DNS take it, lower-cased, without a final dot; or undefined. */
export function hostName(text: string): string | undefined {
  const name = text.toLowerCase().replace(/\.$/, '');
  return name.length <= 253 && HOST_NAME.test(name) ? name : undefined;
}

type Host = Pick<Address, 'host' | 'family'>;

function parseHost(text: string): Host {
  if (text.includes(':')) {
    return ipv6(text);
  }
  if (IPV4.test(text)) {
    if (text === '0.0.0.0') {
      throw new BadValue('0.0.0.0 is no address to connect to');
    }
    return { host: text, family: 'ipv4' };
  }
  const name = hostName(text);
  if (name === undefined || NUMBER.test(name)) {
    throw new BadValue(`the host must be an IP address or a host name, found "${shorten(text, 40)}"`);
  }
  return { host: name, family: 'name' };
}

/**
 * The URL standard's parser checks an IPv6 address and writes it in its shortest form (RFC 5952). An IPv4 address in
 * the clothes of IPv6 (`::ffff:10.0.0.1`) becomes that: it is the same place, and a claim of it must show as such.
 */
function ipv6(text: string): Host {
  const url = /^[0-9a-fA-F:.]{2,45}$/.test(text) ? URL.parse(`http://[${text}]/`) : null;
  if (!url) {
    throw new BadValue(`"${shorten(text, 40)}" is not an IPv6 address`);
  }
  const host = url.hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(host);
  if (mapped) {
    const [high, low] = [mapped[1], mapped[2]].map((part) => Number.parseInt(part ?? '0', 16));
    return parseHost([high, low].flatMap((part = 0) => [part >> 8, part & 255]).join('.'));
  }
  if (host === '::') {
    throw new BadValue(':: is no address to connect to');
  }
  return { host, family: 'ipv6' };
}

function withPort({ host, family }: Host, port: number): Address {
  return { host, family, port, address: family === 'ipv6' ? `[${host}]:${port}` : `${host}:${port}` };
}

function portNumber(port: number): number {
  if (port >= 1 && port <= 65535) {
    return port;
  }
  throw new BadValue(`the port must be from 1 to 65535, found ${port}`);
}

function whyNot(text: string): string {
  const shown = `found "${shorten(text, 60)}"`;
  if (/^[a-z]+:\/\//i.test(text)) {
    return `expected host:port, without a scheme; ${shown}`;
  }
  if (/^[0-9a-fA-F:]+$/.test(text) && text.split(':').length > 2) {
    return `expected [IPv6]:port, with the address in brackets; ${shown}`;
  }
  if (!/:\d+$/.test(text)) {
    return `expected host:port, [IPv6]:port or a JSON object; the port is missing; ${shown}`;
  }
  return `expected host:port, [IPv6]:port or a JSON object; ${shown}`;
}
