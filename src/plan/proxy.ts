import type { RuntimeAbilities } from './runtime-version.ts';
import type { Line, SectionLines } from './section-lines.ts';
import { type KeywordList, mergeServer, readKeywords, type Server } from './server-line.ts';

/** The lines that a backend gets from its `defaults`, the farthest ancestor first. */
export interface Inherited {
  readonly lines: readonly Line[];
  /** What makes them unclear, as in `SectionLines`. */
  readonly unclear: readonly string[];
}

/** A `backend` or `listen` section: its servers, and the rest. */
export interface Proxy {
  readonly name: string;
  /** In the order of the text. */
  readonly servers: readonly Line[];
  readonly others: readonly Line[];
}

/** Sorts the lines of a section. */
export function readProxy({ header, body }: SectionLines): Proxy {
  const servers: Line[] = [];
  const others: Line[] = [];
  for (const line of body) {
    (line.words[0] === 'server' ? servers : others).push(line);
  }
  return { name: header.words[1] ?? '', servers, others };
}

/** Merges each server with the `default-server` lines before it, here and in what is inherited. */
export function mergeServers({ body }: SectionLines, inherited: Inherited): Server[] {
  const lists: KeywordList[] = [];
  const servers: Server[] = [];
  for (const line of [...inherited.lines, ...body]) {
    if (line.words[0] === 'default-server') {
      lists.push(readKeywords(line, 1));
    }
    if (line.words[0] === 'server') {
      servers.push(mergeServer(line, [...lists, readKeywords(line, 3)]));
    }
  }
  return servers;
}

/** How a backend spreads its load, as far as the Runtime API cares. */
export type Balance =
  /** Servers may come and go, in whatever order. */
  | { readonly kind: 'free'; readonly name: string }
  /** The ids of its servers decide who gets what. */
  | { readonly kind: 'by-id'; readonly name: string; readonly consistent: boolean }
  /** A table that is built when HAProxy starts: no weights, arrivals or removals at run time. */
  | { readonly kind: 'static'; readonly name: string }
  | { readonly kind: 'unknown'; readonly name: string };

const HASHES = /^(?:source|uri|url_param|hash|rdp-cookie|hdr\(.*\)|rdp-cookie\(.*\))$/;

const RANDOM = /^random(?:\(\d+\))?$/;

/** The balance of a backend by its lines, inherited ones first. */
export function balanceOf(lines: readonly Line[], abilities: RuntimeAbilities): Balance {
  const name = lastOf(lines, 'balance')?.words[1] ?? abilities.defaultBalance;
  if (RANDOM.test(name) && abilities.randomById) {
    return { kind: 'by-id', name, consistent: false };
  }
  if (name === 'roundrobin' || name === 'leastconn' || RANDOM.test(name)) {
    return { kind: 'free', name };
  }
  if (name === 'first') {
    return { kind: 'by-id', name, consistent: false };
  }
  if (name === 'static-rr') {
    return { kind: 'static', name };
  }
  if (!HASHES.test(name)) {
    return { kind: 'unknown', name };
  }
  const consistent = lastOf(lines, 'hash-type')?.words[1] === 'consistent';
  return consistent
    ? { kind: 'by-id', name, consistent }
    : { kind: 'static', name: `${name} without hash-type consistent` };
}

/** The last line that begins with `word`: in HAProxy it wins. */
export function lastOf(lines: readonly Line[], word: string): Line | undefined {
  return lines.findLast((line) => line.words[0] === word);
}

/** What in a backend stands against servers that come and go (`change`), or against a new address. */
export function obstacles(lines: readonly Line[]): { readonly change: string[]; readonly address: string[] } {
  const change: string[] = [];
  const address: string[] = [];
  for (const { words } of lines) {
    const [first = '', second = ''] = words[0] === 'no' ? words.slice(1) : words;
    const option = first === 'option' ? `option ${second}` : first;
    if (HINDERS_CHANGE.has(option)) {
      change.push(option);
    }
    if (option === 'dynamic-cookie-key') {
      address.push(option);
    }
  }
  const mode = lastOf(lines, 'mode')?.words[1] ?? 'tcp';
  if (mode !== 'tcp' && mode !== 'http') {
    change.push(`mode ${mode}`);
  }
  return { change, address };
}

const HINDERS_CHANGE = new Set([
  'dispatch',
  'disabled',
  'dynamic-cookie-key',
  'option transparent',
  'option http_proxy',
  'option external-check',
]);
