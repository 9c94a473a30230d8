import { asError } from '../errors.ts';
import type { Emit } from '../events.ts';
import { classifier } from '../guard/classify.ts';
import type { Change, Entry } from '../model/entry.ts';
import { shorten } from '../model/shorten.ts';
import { findGivers } from '../plan/blame-search.ts';
import { clock } from '../ports/clock.ts';
import type { SourceEvent } from '../ports/source.ts';
import type { ServedTree } from '../tree/served-tree.ts';

type Data = Extract<SourceEvent, { kind: 'snapshot' | 'changes' }>;

interface Marked {
  readonly value: string;
  /** Its last good value, null where it has none. */
  readonly good: string | null;
  readonly reason: string;
}

/**
 * Keeps values away from the guard and the catalog that make them throw, which is a bug of ours: in their place stands
 * the last good value of their key, or the key is rejected by name. Until the value changes.
 */
export class CrashScreen {
  readonly #served: ServedTree;
  readonly #emit: Emit;
  readonly #marked = new Map<string, Marked>();

  constructor(options: { readonly served: ServedTree; readonly emit: Emit }) {
    this.#served = options.served;
    this.#emit = options.emit;
  }

  /** What the sources say, but for such values. */
  pass(event: Data): Data {
    if (this.#marked.size === 0) {
      return event;
    }
    if (event.kind === 'snapshot') {
      const there = new Set(event.entries.map(({ key }) => key));
      this.#release([...this.#marked.keys()].filter((key) => !there.has(key)));
      return { ...event, entries: event.entries.map((entry) => this.#passOne(entry)) };
    }
    this.#release(event.changes.flatMap((change) => (change.kind === 'delete' ? [change.key] : [])));
    const changes = event.changes.map(
      (change): Change =>
        change.kind === 'put' ? { kind: 'put', entry: this.#passOne(change.entry) } : change,
    );
    return { ...event, changes };
  }

  /** Finds what of an event throws by itself, and marks it. False where it is none of its values. */
  async find(event: Data): Promise<boolean> {
    const { tree } = this.#served.catalog;
    const changes = event.kind === 'snapshot' ? tree.changesTo(event.entries) : event.changes;
    const puts = changes.flatMap((change) => (change.kind === 'put' ? [change.entry] : []));
    const found = await findGivers(puts, async (some) => this.#try(some));
    const since = clock.date();
    const units = [...found].map(([{ key, value }, error]) => {
      const reason = `Pointsman itself fails over it, which is a bug: ${shorten(String(error), 300)}`;
      const good = tree.get(key)?.value ?? null;
      this.#marked.set(key, { value, good, reason });
      const instead: 'last good' | 'nothing' = good === null ? 'nothing' : 'last good';
      return { unit: `key ${key}`, keys: [key], reason, instead, since };
    });
    if (units.length > 0) {
      this.#emit({ kind: 'quarantined', units });
    }
    return units.length > 0;
  }

  #passOne(entry: Entry): Entry {
    const marked = this.#marked.get(entry.key);
    if (!marked) {
      return entry;
    }
    if (marked.value !== entry.value) {
      this.#release([entry.key]);
      return entry;
    }
    const { good, reason } = marked;
    return good === null ? { ...entry, value: '', refused: reason } : { ...entry, value: good };
  }

  #try(entries: readonly Entry[]): Error | null {
    const { prefixes } = this.#served;
    const classify = classifier(prefixes);
    try {
      for (const entry of entries) {
        classify(entry);
      }
      this.#served.copy().apply(entries.map((entry) => ({ kind: 'put', entry })));
      return null;
    } catch (error) {
      return asError(error);
    }
  }

  #release(keys: readonly string[]): void {
    const gone = keys.filter((key) => this.#marked.delete(key));
    if (gone.length > 0) {
      this.#emit({ kind: 'quarantine-released', units: gone.map((key) => `key ${key}`) });
    }
  }
}
