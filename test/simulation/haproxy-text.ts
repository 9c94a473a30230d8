import { splitMark } from '../../src/plan/mark.ts';

/** What HAProxy makes of a `server` line. */
export interface Server {
  readonly address: string;
  readonly weight: number;
}

/** Backend -> server. */
export type Servers = ReadonlyMap<string, ReadonlyMap<string, Server>>;

/** The servers of a text. */
export function serversOf(text: string): Map<string, Map<string, Server>> {
  const backends = new Map<string, Map<string, Server>>();
  let backend: Map<string, Server> | undefined;
  for (const line of text.split('\n')) {
    const words = line.trim().split(/\s+/);
    if (/^\S/.test(line) && words[0] !== '#') {
      backend = words[0] === 'backend' ? new Map() : undefined;
      if (backend) {
        backends.set(words[1] ?? '', backend);
      }
    } else if (words[0] === 'server' && backend) {
      const weight = words.indexOf('weight');
      backend.set(words[1] ?? '', {
        address: words[2] ?? '',
        weight: weight < 0 ? 1 : Number(words[weight + 1]),
      });
    }
  }
  return backends;
}

/** The lines of a text that this HAProxy refuses, counted from 1, each with its words. */
export function faultsOf(fileText: string): { readonly line: number; readonly words: string }[] {
  const faults: { line: number; words: string }[] = [];
  const names = new Set<string>();
  for (const [index, line] of fileText.split('\n').entries()) {
    const fault = (words: string) => faults.push({ line: index + 1, words });
    if (line.includes('bogus')) {
      fault("unknown keyword 'bogus'");
    }
    if (/^ {2}maxconn (?!\d+$)/.test(line)) {
      fault("'maxconn' expects an integer argument.");
    }
    if (line.includes('maxqueue 13013')) {
      fault("'maxqueue' is out of range");
    }
    // Two that are fine alone and not together.
    const name = /\bcookie (\S+)/.exec(line)?.[1];
    if (name !== undefined) {
      if (names.has(name)) {
        fault(`cookie '${name}' is used twice`);
      }
      names.add(name);
    }
  }
  return faults;
}

/** The mark that a HAProxy which loads this file carries, whether its text fits it or not. */
export function markOf(fileText: string): string | null {
  return splitMark(fileText).mark;
}

/** How two tables of servers differ, in a few words; null where they do not. */
export function difference(expected: Servers, found: Servers): string | null {
  for (const [backend, servers] of expected) {
    const there = found.get(backend);
    if (!there) {
      return `${backend} is missing`;
    }
    for (const [name, server] of servers) {
      const other = there.get(name);
      if (!other) {
        return `${backend}/${name} is missing`;
      }
      if (other.address !== server.address || other.weight !== server.weight) {
        return `${backend}/${name} is ${other.address} weight ${other.weight}, not ${server.address} weight ${server.weight}`;
      }
    }
    const more = [...there.keys()].find((name) => !servers.has(name));
    if (more !== undefined) {
      return `${backend}/${more} is too much`;
    }
  }
  const more = [...found.keys()].find((backend) => !expected.has(backend));
  return more === undefined ? null : `${more} is too much`;
}
