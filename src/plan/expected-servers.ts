import { sectionLines, takePicture } from './picture.ts';
import { readProxy } from './proxy.ts';
import { type LiteralAddress, literalAddress } from './server-line.ts';

/** Backend -> server -> its address; without one where the text has a name, a socket or a range. */
export type TextServers = ReadonlyMap<string, ReadonlyMap<string, Partial<LiteralAddress>>>;

/**
 * The servers that a HAProxy which runs this text should have. Backends that cannot be known from the text alone
 * (a `server-template`, conditions, variables, `disabled`) are left out.
 */
export function expectedServers(text: string): TextServers {
  const picture = takePicture(text);
  const found = new Map<string, ReadonlyMap<string, Partial<LiteralAddress>>>();
  for (const [index, { kind }] of picture.sections.entries()) {
    if (kind !== 'backend' && kind !== 'listen') {
      continue;
    }
    const lines = sectionLines(picture, index);
    const { name, servers, others } = readProxy(lines);
    if (lines.unclear.length > 0 || others.some(({ words }) => UNKNOWN.has(words[0] ?? ''))) {
      continue;
    }
    const addresses = servers.map(({ words: [, server = '', address = ''] }) => {
      return [server, literalAddress(address) ?? {}] as const;
    });
    found.set(name, new Map(addresses));
  }
  return found;
}

const UNKNOWN = new Set(['server-template', 'disabled']);
