import { byAge, type Change, type Entry } from './entry.ts';
import { shorten } from './shorten.ts';

/** How much of a source is taken: what keeps the memory bounded, whatever is written to the store. */
export interface Limits {
  /** Keys of one source. */
  readonly keys: number;
  /** Bytes of one value. */
  readonly valueBytes: number;
  /** Bytes of all keys and values of one source, and of what large JSON among them becomes in the memory. */
  readonly totalBytes: number;
}

/** Longer keys are refused: nobody means them, and every message about them holds them. */
const KEY_BYTES = 1024;
/** What an entry costs beside its key and its value. */
const OVERHEAD = 64;
/** What JSON costs once it is parsed, for each list, object, element and field: `[[]],` takes twenty times its text. */
const NODE = 48;
/** So many are free: values as they are meant have fewer, and `limits.keys` bounds them. */
const FREE_NODES = 32;

/**
 * Why an entry by itself is more than the limits allow, or undefined. `bytes` is the value's size where its text is
 * not at hand whole.
 */
export function tooLarge(entry: Entry, limits: Limits, bytes = utf8Bytes(entry.value)): string | undefined {
  if (utf8Bytes(entry.key) > KEY_BYTES) {
    return `the key is longer than ${KEY_BYTES} bytes`;
  }
  if (bytes <= limits.valueBytes) {
    return undefined;
  }
  return `the value has ${bytes} bytes, more than limits.valueBytes (${limits.valueBytes})`;
}

/** The entry without its value, with the reason: the catalog rejects it by its key, and no template sees it. */
export function refuse(entry: Entry, reason: string): Entry {
  return { ...entry, value: shorten(entry.value), refused: reason };
}

/** So much more than the limits is for folders with few keys: whoever writes masses into others takes no place from them. */
const RESERVE = 0.1;
/** A folder has few keys with fewer than so many. */
export const FEW_KEYS = 20;

/** So much of what there is no room for is remembered and named, as a share of the limits: each costs as much as one that is let in. */
export const SPARE = 0.1;
/** So many are remembered however many bytes they have. */
const LEAST_WAITING = 20;

/**
 * Takes in what fits the limits, the older keys first, and a tenth more for folders with few keys; what does not is refused by its key, and let in when there is
 * room again. A tenth of what the limits allow is remembered for that; whatever is beyond is forgotten, and only
 * counted, until everything is read anew.
 */
export class Admission {
  readonly #limits: Limits;
  readonly #held = new Map<string, number>();
  /** How many of them each folder has. */
  readonly #folders = new Map<string, number>();
  readonly #reasons: { readonly keys: string; readonly bytes: string };
  /** In the order in which they are let in. */
  readonly #waiting = new Map<string, Entry>();
  #bytes = 0;
  #waitingBytes = 0;
  #forgotten = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
    const reached = ({ name, limit }: { readonly name: string; readonly limit: number }) =>
      `limits.${name} (${limit}) is reached, and older keys keep their place`;
    this.#reasons = {
      keys: reached({ name: 'keys', limit: limits.keys }),
      bytes: reached({ name: 'totalBytes', limit: limits.totalBytes }),
    };
  }

  /** How many keys are not even named. */
  get forgotten(): number {
    return this.#forgotten;
  }

  /** A whole tree: gives what of it may be seen. */
  replace(entries: readonly Entry[]): readonly Entry[] {
    this.#held.clear();
    this.#folders.clear();
    this.#waiting.clear();
    this.#bytes = this.#waitingBytes = this.#forgotten = 0;
    const changes = [...entries].sort(byAge).flatMap((entry) => this.#put(entry));
    return changes.flatMap((change) => (change.kind === 'put' ? [change.entry] : []));
  }

  /** Changes of it: gives those of what may be seen. */
  apply(changes: readonly Change[]): readonly Change[] {
    const seen = changes.flatMap((change) =>
      change.kind === 'put' ? this.#put(change.entry) : this.#delete(change.key),
    );
    return this.#waiting.size === 0 ? seen : [...seen, ...this.#letIn()];
  }

  #put(entry: Entry): readonly Change[] {
    const reason = entry.refused ?? tooLarge(entry, this.#limits);
    const taken = reason === undefined ? entry : refuse(entry, reason);
    const { key } = entry;
    const known = this.#held.has(key) || this.#waiting.has(key);
    this.#drop(key);
    if (this.#take(taken)) {
      return [{ kind: 'put', entry: taken }];
    }
    const { keys, totalBytes } = this.#limits;
    const size = sizeOf(taken);
    const isHeavy = this.#waiting.size >= LEAST_WAITING && this.#waitingBytes + size > totalBytes * SPARE;
    if (this.#waiting.size >= Math.ceil(keys * SPARE) || isHeavy) {
      this.#forgotten++;
      return known ? [{ kind: 'delete', key }] : [];
    }
    this.#waiting.set(key, taken);
    this.#waitingBytes += size;
    return [{ kind: 'put', entry: refuse(taken, this.#reasons[this.#lacks(taken, size) ?? 'keys']) }];
  }

  #delete(key: string): readonly Change[] {
    if (this.#drop(key)) {
      return [{ kind: 'delete', key }];
    }
    // What was forgotten goes without a word.
    this.#forgotten = Math.max(0, this.#forgotten - 1);
    return [];
  }

  #letIn(): Change[] {
    const entering: Change[] = [];
    for (const [key, entry] of this.#waiting) {
      if (!this.#take(entry)) {
        break;
      }
      this.#waiting.delete(key);
      this.#waitingBytes -= sizeOf(entry);
      entering.push({ kind: 'put', entry });
    }
    return entering;
  }

  #take(entry: Entry): boolean {
    const size = sizeOf(entry);
    if (this.#lacks(entry, size) !== null) {
      return false;
    }
    const folder = folderOf(entry.key);
    this.#folders.set(folder, (this.#folders.get(folder) ?? 0) + 1);
    this.#held.set(entry.key, size);
    this.#bytes += size;
    return true;
  }

  /** What there is no room of for it. */
  #lacks({ key }: Entry, size: number): 'keys' | 'bytes' | null {
    const { keys, totalBytes } = this.#limits;
    const isFew = (this.#folders.get(folderOf(key)) ?? 0) < FEW_KEYS;
    const room = (limit: number) => (isFew ? Math.floor(limit * (1 + RESERVE)) : limit);
    if (this.#held.size >= room(keys)) {
      return 'keys';
    }
    return this.#bytes + size > room(totalBytes) ? 'bytes' : null;
  }

  #drop(key: string): boolean {
    const waiting = this.#waiting.get(key);
    if (waiting) {
      this.#waitingBytes -= sizeOf(waiting);
    }
    const held = this.#held.get(key);
    if (held !== undefined) {
      this.#bytes -= held;
      this.#forget(folderOf(key));
    }
    return this.#held.delete(key) || this.#waiting.delete(key);
  }

  #forget(folder: string): void {
    const left = (this.#folders.get(folder) ?? 0) - 1;
    if (left > 0) {
      this.#folders.set(folder, left);
    } else {
      this.#folders.delete(folder);
    }
  }
}

/** All of a key before its last slash. */
export function folderOf(key: string): string {
  return key.slice(0, Math.max(0, key.lastIndexOf('/')));
}

/** Bytes that an entry takes of `totalBytes`. */
export function sizeOf({ key, value }: Entry): number {
  return utf8Bytes(key) + utf8Bytes(value) + OVERHEAD + Math.max(0, jsonNodes(value) - FREE_NODES) * NODE;
}

/** How many things a JSON object is made of, about: its brackets, colons and commas outside of strings. */
function jsonNodes(text: string): number {
  if (!/^\s*\{/.test(text)) {
    return 0;
  }
  let nodes = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const character = text.charCodeAt(at);
    if (quoted && character === BACKSLASH) {
      at++;
    } else if (character === QUOTE) {
      quoted = !quoted;
    } else if (!quoted && NODES.has(character)) {
      nodes++;
    }
  }
  return nodes;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const NODES: ReadonlySet<number> = new Set([...'[{:,'].map((character) => character.charCodeAt(0)));

/** UTF-8 bytes of a text, counted without a buffer: the pure core knows no module of Node's for it. */
function utf8Bytes(text: string): number {
  let bytes = text.length;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x80) {
      continue;
    }
    // Half of a surrogate pair is two of its four bytes.
    bytes += code < 0x800 || (code >= 0xd800 && code < 0xe000) ? 1 : 2;
  }
  return bytes;
}
