import { createHash } from 'node:crypto';
import { asError } from '../errors.ts';
import type { AddressRules } from './address-rules.ts';
import type { Entry, Kept } from './entry.ts';
import type { DroppedField } from './fields.ts';
import type { Grammar } from './grammar.ts';
import { type PartialInstance, parseInstance, partOfInstance } from './instance-value.ts';
import { classifyKey, type InstanceRole, type KeyRole, type RouteRole } from './keys.ts';
import { parseRoute, type RouteValue } from './route-value.ts';
import type { Instance } from './service.ts';

type Said =
  | {
      readonly kind: 'instance';
      readonly role: InstanceRole;
      readonly instance: Instance;
      readonly unknown: readonly string[];
      readonly dropped: readonly DroppedField[];
    }
  | {
      readonly kind: 'route';
      readonly role: RouteRole;
      readonly route: RouteValue;
      readonly unknown: readonly string[];
    }
  /** A free key's text. */
  | { readonly kind: 'text'; readonly role: KeyRole }
  /** Directories of registrars, keys without a value and UDP ports say nothing to us, and are nothing wrong. */
  | { readonly kind: 'nothing'; readonly role: KeyRole }
  /** It never reaches a template: a limit keeps it out, its key is wrong, or its value does not fit. */
  | {
      readonly kind: 'refused';
      readonly role: KeyRole;
      readonly by: 'limit' | 'key' | 'value';
      readonly reason: string;
      /** What it says of an instance all the same; empty of everything else. */
      readonly partial: PartialInstance;
    }
  /** Reading it threw, which is a bug of ours. */
  | { readonly kind: 'threw'; readonly role: KeyRole; readonly error: Error };

/** What an entry means: what its key is for, what its value says, and what it adds to the hash of a tree. */
export type Meaning = Said & { readonly weight: bigint };

/** A good instance. */
export type InstanceEntry = ReadEntry & { readonly meaning: Extract<Meaning, { kind: 'instance' }> };

/** Whether an entry is a good instance. */
export function isInstance(entry: ReadEntry): entry is InstanceEntry {
  return entry.meaning.kind === 'instance';
}

/**
 * An entry that was read: classified and parsed, once, where it came from its source. Copied by `{ ...entry }` it is a
 * plain entry again, to be read anew.
 */
export class ReadEntry implements Entry {
  readonly key: string;
  readonly value: string;
  readonly source: number;
  readonly created: bigint;
  readonly modified: bigint;
  declare readonly refused?: string;
  declare readonly kept?: Kept<ReadEntry>;
  readonly #meaning: Meaning;

  private constructor(entry: Entry, meaning: Meaning, kept?: Kept<ReadEntry>) {
    this.key = entry.key;
    this.value = entry.value;
    this.source = entry.source;
    this.created = entry.created;
    this.modified = entry.modified;
    if (entry.refused !== undefined) {
      this.refused = entry.refused;
    }
    if (kept) {
      this.kept = kept;
    }
    this.#meaning = meaning;
  }

  /**
   * Reads an entry that was not read yet. Where `before` has the same key and value, it means the same, and with the same
   * objects; but for a source whose addresses are under other rules.
   */
  static of(entry: Entry, grammar: Grammar, before?: Entry): ReadEntry {
    const read = entry instanceof ReadEntry ? entry : undefined;
    const known = before instanceof ReadEntry && before.key === entry.key ? before : undefined;
    const isSame = known?.value === entry.value && known.refused === entry.refused;
    if (known && isSame && rulesFor(entry, grammar) === rulesFor(known, grammar)) {
      return read && read.#meaning === known.#meaning ? read : new ReadEntry(entry, known.#meaning);
    }
    if (read) {
      return read;
    }
    const role = known?.meaning.role ?? classifyKey(entry.key, grammar.prefixes);
    return new ReadEntry(entry, { ...saidBy(entry, role, grammar), weight: weigh(entry) });
  }

  get meaning(): Meaning {
    return this.#meaning;
  }

  /** What is served of it: what stands in its place, or itself. */
  get form(): ReadEntry {
    return this.kept?.form ?? this;
  }

  /** The same, with what stands in its place. */
  keeping(kept: Kept<ReadEntry> | undefined): ReadEntry {
    return new ReadEntry(this, this.#meaning, kept);
  }
}

/** What an entry adds to the hash of its tree. */
export function weightOf(entry: Entry): bigint {
  return entry instanceof ReadEntry ? entry.meaning.weight : weigh(entry);
}

function weigh({ key, value }: Entry): bigint {
  return createHash('sha256').update(key).update('\0').update(value).digest().readBigUInt64BE(0);
}

const NOTHING: PartialInstance = Object.freeze({});

/** What the value says: an error of ours is no error of whoever reads it. */
function saidBy(entry: Entry, role: KeyRole, grammar: Grammar): Said {
  try {
    return parse(entry, role, grammar);
  } catch (error) {
    return { kind: 'threw', role, error: asError(error) };
  }
}

/** Under which rules the addresses of this entry's source are. */
function rulesFor({ source }: Entry, { addresses, ruled }: Grammar): AddressRules | undefined {
  return ruled?.has(source) ? addresses : undefined;
}

function parse(entry: Entry, role: KeyRole, grammar: Grammar): Said {
  const { key, value, refused } = entry;
  if (refused !== undefined) {
    return { kind: 'refused', role, by: 'limit', reason: refused, partial: NOTHING };
  }
  if (value === '' || key.endsWith('/')) {
    return { kind: 'nothing', role };
  }
  switch (role.kind) {
    case 'udp':
      return { kind: 'nothing', role };
    case 'free':
      return { kind: 'text', role };
    case 'wrong':
      return { kind: 'refused', role, by: 'key', reason: role.reason, partial: NOTHING };
    case 'instance': {
      const rules = rulesFor(entry, grammar);
      const result = parseInstance(key, role.id, value, rules);
      if (result.kind === 'good') {
        const { value: instance, unknown, dropped } = result;
        return { kind: 'instance', role, instance, unknown, dropped };
      }
      const partial = partOfInstance(value, rules);
      return { kind: 'refused', role, by: 'value', reason: result.reason, partial };
    }
    case 'route': {
      const result = parseRoute(value, grammar);
      return result.kind === 'good'
        ? { kind: 'route', role, route: result.value, unknown: result.unknown }
        : { kind: 'refused', role, by: 'value', reason: result.reason, partial: NOTHING };
    }
  }
}
