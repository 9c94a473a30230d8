import { readWords } from './words.ts';

/** Ports of TCP, from the first to the last. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** Ports that a section of a configuration listens on. */
export interface BoundPorts extends PortRange {
  /** `frontend public`; `global` for stats sockets. */
  readonly section: string;
  /** Where that section begins: two may have one name. */
  readonly at: number;
}

/** The lines that begin a section which may listen, and those by which it does. */
const LINES =
  /^[ \t]*(?:(?<section>(?:frontend|listen|peers|log-forward|global)(?=[ \t\r\n]|$).*)|(?:bind|peer|stats[ \t]+socket)[ \t].*)$/gm;

/**
 * The TCP ports that a configuration listens on, whatever the address: of `bind` lines, of peers and of stats sockets. Not
 * those whose port is an environment variable.
 */
export function boundPorts(text: string): readonly BoundPorts[] {
  const found: BoundPorts[] = [];
  let section = '';
  let at = 0;
  for (const { 0: line, index, groups } of text.matchAll(LINES)) {
    const { words } = readWords(line);
    if (groups?.section !== undefined) {
      [section, at] = [words.slice(0, 2).join(' '), index];
      continue;
    }
    const address = words[words[0] === 'bind' ? 1 : 2] ?? '';
    for (const range of portsOf(address)) {
      found.push({ ...range, section, at });
    }
  }
  return found;
}

const OF_TCP = /^(?:(?:stream|xprt)\+)?(?:ipv[46]|(?:mp)?tcp[46]?)@/;
const PORTS = /:(\d{1,5})(?:-(\d{1,5}))?$/;

/** The TCP ports of the address of a `bind`: one or several by comma, each with a port or a range of them. */
export function portsOf(addresses: string): readonly PortRange[] {
  return addresses.split(',').flatMap((whole) => {
    const address = whole.replace(OF_TCP, '');
    const [, first, last = first] = (!/[@/]/.test(address) && PORTS.exec(address)) || [];
    return first === undefined ? [] : [{ first: Number(first), last: Number(last) }];
  });
}

/** Whether a port is in a range. */
export function hasPort({ first, last }: PortRange, port: number): boolean {
  return first <= port && port <= last;
}
