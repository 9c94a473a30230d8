import { parseAddress } from '../model/address.ts';
import { BadValue } from '../model/fields.ts';
import type { Line } from './section-lines.ts';
import { serverKeyword } from './server-keywords.ts';

/** Keywords with their values; a flag has the value `` (empty). What was taken back (`no-check`) is not in it. */
export type Settings = ReadonlyMap<string, string>;

/** A `server` line of a backend, merged with the `default-server` lines that hold for it. */
export interface Server {
  readonly name: string;
  /** As the line writes it. */
  readonly address: string;
  readonly line: number;
  readonly settings: Settings;
  /** Why not all of its keywords could be read, and all the words that it is made of, to compare them as they are. */
  readonly unread?: { readonly why: string; readonly words: string };
}

/** A literal IP address and a port of its own; undefined for names, sockets, port maps, ranges and prefixes. */
export interface LiteralAddress {
  readonly host: string;
  readonly port: number;
}

/** Keywords in the order of their lines, still to be merged. */
export interface KeywordList {
  readonly line: Line;
  readonly keywords: readonly (readonly [name: string, value: string])[];
  readonly problem?: string;
}

/** Reads the words of a `server` or `default-server` line from the `from`th on. */
export function readKeywords(line: Line, from: number): KeywordList {
  const { words } = line;
  const keywords: [string, string][] = [];
  for (let at = from; at < words.length; at++) {
    const name = words[at] ?? '';
    const keyword = serverKeyword(name);
    if (!keyword) {
      return { line, keywords, problem: `the keyword ${name || '""'} is not understood` };
    }
    const value = keyword.values === 1 ? words[++at] : '';
    if (value === undefined || (keyword.values === 1 && value === '')) {
      return { line, keywords, problem: `the keyword ${name} has no value` };
    }
    keywords.push([name, value]);
  }
  return { line, keywords };
}

/** A server with what `lists` say of it, the later over the earlier. The last one is its own line's. */
export function mergeServer(line: Line, lists: readonly KeywordList[]): Server {
  const settings = new Map<string, string>();
  for (const { keywords } of lists) {
    for (const [name, value] of keywords) {
      const undone = serverKeyword(name)?.undoes;
      if (undone === undefined) {
        settings.set(name, value);
      } else {
        settings.delete(undone);
      }
    }
  }
  const [, name = '', address = ''] = line.words;
  const server = { name, address, line: line.number, settings };
  const why = lists.find((list) => list.problem !== undefined)?.problem;
  if (why === undefined) {
    return server;
  }
  return { ...server, unread: { why, words: lists.flatMap((list) => list.line.words).join('\u0001') } };
}

/** Reads `10.0.0.1:80` or `[2001:db8::1]:80`. */
export function literalAddress(text: string): LiteralAddress | undefined {
  try {
    const { family, host, port } = parseAddress(text);
    return family === 'name' ? undefined : { host, port };
  } catch (error) {
    if (error instanceof BadValue) {
      return undefined;
    }
    throw error;
  }
}
