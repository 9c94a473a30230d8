import { type Picture, sectionHeader, sectionText, takePicture } from './picture.ts';
import type { Line } from './section-lines.ts';
import { type KeywordList, literalAddress, readKeywords } from './server-line.ts';
import { readWords } from './words.ts';

/** An older text that is put in the place of a new one, and by what it differs from both. */
export interface PutBack {
  readonly text: string;
  /** Backends of the older text that have servers there, and none here. */
  readonly emptied: readonly string[];
  /** Backends with servers of the new text that the older one does not have. */
  readonly absent: readonly string[];
  /** Servers that are left out, since their addresses are somebody else's by now. */
  readonly leftOut: readonly LeftOut[];
  /** Servers of the text. */
  readonly servers: number;
}

/** A server that is left out. */
export interface LeftOut {
  readonly backend: string;
  readonly server: string;
  readonly address: string;
  /** The service that has its address. */
  readonly by: string;
}

/** Whose an address is. */
export interface Owner {
  readonly service: string;
  /** The instance that has it. */
  readonly id: string;
}

const PROXIES = new Set(['backend', 'listen']);

/** Keywords that are of the very server: they come from the new text in any case. */
const OWN = new Set(
  [
    'weight maxconn minconn maxqueue slowstart id guid cookie backup no-backup disabled enabled track',
    'addr port verifyhost sni check-sni resolvers resolve-prefer resolve-net resolve-opts init-addr',
  ].flatMap((names) => names.split(' ')),
);

/** A line as it stands in a text, with its line break. */
interface RawLine extends Line {
  readonly text: string;
  readonly isReadable: boolean;
}

/** The servers of a backend; where several have one name, of the first. */
interface Servers {
  /** The text of its section. */
  readonly section: string;
  readonly lines: () => readonly RawLine[];
}

/** An older text of HAProxy, to be put in the place of newer ones. */
export class OldText {
  readonly #picture: Picture;
  /** The last section that was made for each backend, and what of. */
  readonly #made = new Map<number, Made & { readonly of: string }>();
  readonly #lines = new Map<number, readonly RawLine[]>();

  constructor(text: string) {
    this.#picture = takePicture(text);
  }

  get text(): string {
    return this.#picture.text;
  }

  /** The backends with servers whose lines stand under conditions (`.if`): who has servers by these is not to be told. */
  get conditional(): readonly string[] {
    const { sections } = this.#picture;
    return sections.flatMap(({ kind, depth }, index) => {
      if (!PROXIES.has(kind)) {
        return [];
      }
      const lines = this.#linesOf(index);
      const isConditional = depth > 0 || lines.some(({ words }) => words[0]?.startsWith('.'));
      return isConditional && lines.some(isServer) ? [nameOf(lines)] : [];
    });
  }

  /**
   * This text with the servers of another one, by the names of their backends. A server is as the other text has it: its name,
   * its address, and what is its own (weight, maxconn, backup, disabled, …). Other keywords of its line are those of this text where all
   * servers of the backend have the same in each of both texts; else they are the other text's too.
   */
  withServersOf(next: string): PutBack {
    const picture = takePicture(next);
    const put = this.#putBack(picture, ({ index, lines, theirs }) => this.#withServers(index, lines, theirs));
    return { ...put, text: withResolvers(put.text, this.#picture, picture) };
  }

  /**
   * This very text, without the servers whose addresses others have by now, as the other text and `ownersOf` say: a
   * backend has an address that it has in the other text. Where that has no backend of the name, an instance of its own name has to have
   * it, of a service that the backend is named after.
   */
  without(next: string, ownersOf: (address: string) => readonly Owner[]): PutBack {
    const leftOut: LeftOut[] = [];
    const put = this.#putBack(takePicture(next), ({ name: backend, lines, theirs }) => {
      const addresses = theirs && new Set(theirs.lines().map(({ words }) => addressKey(words[2] ?? '')));
      const staying = lines.filter((line) => {
        const [, server = '', address = ''] = line.words;
        const owners = isServer(line) ? ownersOf(addressKey(address)) : [];
        const isOurs = addresses
          ? addresses.has(addressKey(address))
          : owners.some(({ service, id }) => id === server && isNamedAfter(backend, service));
        const by = owners[0]?.service;
        if (by === undefined || isOurs) {
          return true;
        }
        leftOut.push({ backend, server, address, by });
        return false;
      });
      return {
        text: staying.map(({ text }) => text).join(''),
        servers: staying.filter(isServer).length,
      };
    });
    return { ...put, leftOut };
  }

  /** This text with the sections of proxies made anew. */
  #putBack(next: Picture, make: (proxy: OldProxy) => Made): PutBack {
    const theirs = serversIn(next);
    const parts: string[] = [];
    const [known, emptied] = [new Set<string>(), new Set<string>()];
    let servers = 0;
    for (const [index, { kind }] of this.#picture.sections.entries()) {
      if (!PROXIES.has(kind)) {
        parts.push(sectionText(this.#picture, index));
        continue;
      }
      const lines = this.#linesOf(index);
      const name = nameOf(lines);
      known.add(name);
      const made = make({ index, name, lines, theirs: theirs.get(name) });
      parts.push(made.text);
      servers += made.servers;
      if (made.servers === 0 && lines.some(isServer)) {
        emptied.add(name);
      }
    }
    const absent = [...theirs.keys()].filter((name) => !known.has(name));
    return { text: parts.join(''), emptied: [...emptied], absent, leftOut: [], servers };
  }

  #withServers(index: number, lines: readonly RawLine[], theirs: Servers | undefined): Made {
    const of = theirs?.section ?? '';
    const known = this.#made.get(index);
    if (known?.of === of) {
      return known;
    }
    const servers = theirs ? serverLines(lines.filter(isServer), theirs.lines()) : [];
    const made = { of, text: withLines(lines, servers), servers: servers.length };
    this.#made.set(index, made);
    return made;
  }

  #linesOf(index: number): readonly RawLine[] {
    const lines = this.#lines.get(index) ?? linesOf(this.#picture, index);
    this.#lines.set(index, lines);
    return lines;
  }
}

/** A proxy of the older text. */
interface OldProxy {
  readonly index: number;
  readonly name: string;
  readonly lines: readonly RawLine[];
  /** What the other text has in a backend of its name. */
  readonly theirs: Servers | undefined;
}

/** The text of a section, and how many servers it has. */
interface Made {
  readonly text: string;
  readonly servers: number;
}

/** With the resolvers of the new text that its servers name and the old one does not have. */
function withResolvers(text: string, old: Picture, next: Picture): string {
  const there = resolversIn(old);
  let all = text;
  for (const [name, section] of resolversIn(next)) {
    const isNamed = (line: string) => readWords(line).words.includes(name);
    const isAsked = () => (text.match(/^[ \t]*server[ \t].*[ \t]resolvers[ \t].*$/gm) ?? []).some(isNamed);
    if (!there.has(name) && isAsked()) {
      all = `${all}${all.endsWith('\n') ? '' : '\n'}\n${section.trimEnd()}\n`;
    }
  }
  return all;
}

function resolversIn(picture: Picture): ReadonlyMap<string, string> {
  const found = picture.sections.flatMap(({ kind }, index) => {
    const name = kind === 'resolvers' ? sectionHeader(picture, index).words[1] : undefined;
    return name === undefined ? [] : [[name, sectionText(picture, index)] as const];
  });
  return new Map(found);
}

/** The form in which addresses are compared. */
export function addressKey(address: string): string {
  const literal = literalAddress(address);
  return literal ? `${literal.host} ${literal.port}` : address;
}

/** Whether a backend's name ends with that of a service, behind what a template may put before it. */
function isNamedAfter(backend: string, service: string): boolean {
  const at = backend.length - service.length;
  return backend.endsWith(service) && (at === 0 || /[_.-]/.test(backend.charAt(at - 1)));
}

/** The backends that have servers, by name. */
function serversIn(picture: Picture): ReadonlyMap<string, Servers> {
  const found = new Map<string, Servers>();
  for (const [index, { kind }] of picture.sections.entries()) {
    if (!PROXIES.has(kind)) {
      continue;
    }
    const section = sectionText(picture, index);
    const name = sectionHeader(picture, index).words[1] ?? '';
    if (/^[ \t]*server[ \t]/m.test(section) && !found.has(name)) {
      found.set(name, { section, lines: () => linesOf(picture, index).filter(isServer) });
    }
  }
  return found;
}

function nameOf([header]: readonly RawLine[]): string {
  return header?.words[1] ?? '';
}

function isServer({ words }: Line): boolean {
  return words[0] === 'server';
}

/** Every line of a section, those that say nothing too. */
function linesOf(picture: Picture, index: number): readonly RawLine[] {
  const first = picture.sections[index]?.line ?? 1;
  const texts = sectionText(picture, index).match(/[^\n]*\n|[^\n]+$/g) ?? [];
  return texts.map((text, at) => {
    const { words, variables, problem } = readWords(text.replace(/\n$/, ''));
    return { text, words, number: first + at, isReadable: !variables && problem === undefined };
  });
}

/** The lines of a section with other servers: where the first one stood, or behind all that it says. */
function withLines(lines: readonly RawLine[], servers: readonly string[]): string {
  const first = lines.findIndex(isServer);
  const end = first === -1 ? lines.findLastIndex(({ words }) => words.length > 0) + 1 : first;
  const rest = (some: readonly RawLine[]) =>
    some.flatMap((line) => (isServer(line) ? [] : [line.text])).join('');
  const head = rest(lines.slice(0, end));
  const gap = head === '' || head.endsWith('\n') || servers.length === 0 ? '' : '\n';
  return `${head}${gap}${servers.join('')}${rest(lines.slice(end))}`;
}

/** The lines of servers as `next` has them, with the other keywords of `old` where these can be told. */
function serverLines(old: readonly RawLine[], next: readonly RawLine[]): readonly string[] {
  const [before, now] = [commonOthers(old), commonOthers(next)];
  const isTold = before !== null && now !== null && wordsOf(before).join('\0') !== wordsOf(now).join('\0');
  return next.map((line) => {
    const text = line.text.endsWith('\n') ? line.text : `${line.text}\n`;
    if (!isTold) {
      return text;
    }
    const indent = /^[ \t]*/.exec(text)?.[0] ?? '';
    const own = wordsOf(readKeywords(line, 3).keywords.filter(([name]) => OWN.has(name)));
    const words = [...line.words.slice(0, 3), ...wordsOf(before), ...own];
    return `${indent}${words.map(quoted).join(' ')}\n`;
  });
}

type Keywords = KeywordList['keywords'];

/** What all of these lines have besides what is each one's own; null where that is not the same, or cannot be read. */
function commonOthers(lines: readonly RawLine[]): Keywords | null {
  let common: Keywords | null = null;
  for (const line of lines) {
    const { keywords, problem } = readKeywords(line, 3);
    const others = keywords.filter(([name]) => !OWN.has(name));
    const isSame = common === null || wordsOf(common).join('\0') === wordsOf(others).join('\0');
    if (problem !== undefined || !line.isReadable || !isSame) {
      return null;
    }
    common = others;
  }
  return common;
}

function wordsOf(keywords: Keywords): readonly string[] {
  return keywords.flatMap(([name, value]) => (value === '' ? [name] : [name, value]));
}

/** As HAProxy reads it as one word. */
function quoted(word: string): string {
  return /^[\w.,:;@/()[\]{}=+*?&|<>~^!%-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`;
}
