import { type Change, type Entry, sameEntry } from '../model/entry.ts';
import type { Prefixes } from '../model/keys.ts';
import { Tree } from '../model/tree.ts';
import type { TreeView } from '../model/tree-view.ts';
import { movedForm } from './forms.ts';
import { type Entries, sameValues, type Unit, unitOf } from './unit.ts';

/** A unit that is set aside. */
export interface Shelved {
  readonly unit: Unit;
  /** Its last good form; empty where it has none. */
  readonly good: Entries;
  /** What the sources say. */
  readonly wanted: Entries;
  /** What is rendered. */
  readonly believed: Entries;
  /** HAProxy's or the template's own words. */
  readonly reason: string;
  /** When it was set aside, in milliseconds since 1970. */
  readonly since: number;
}

/** The changes that follow for the believed tree, and what is as the sources say again. */
export interface Filtered {
  readonly changes: readonly Change[];
  readonly released: readonly Unit[];
  /** Units that changed and are still set aside: worth another try. */
  readonly touched: readonly Unit[];
}

/**
 * What is set aside, and a filter that keeps it so: changes of the sources in, changes of the believed tree
 * out. Where nothing is set aside, it passes everything through untouched.
 */
export class QuarantineShelf {
  readonly #prefixes: Prefixes;
  readonly #shelved = new Map<string, Shelved>();
  /** Ids of those of an earlier run, until the sources have spoken. */
  readonly #restored = new Set<string>();

  constructor(prefixes: Prefixes) {
    this.#prefixes = prefixes;
  }

  get size(): number {
    return this.#shelved.size;
  }

  /** In the order in which they were set aside. */
  get all(): readonly Shelved[] {
    return [...this.#shelved.values()];
  }

  get(unit: Unit): Shelved | undefined {
    return this.#shelved.get(unit.id);
  }

  /** Takes changes of the sources. */
  filter(changes: readonly Change[]): Filtered {
    if (this.#shelved.size === 0) {
      return { changes, released: [], touched: [] };
    }
    const through: Change[] = [];
    const touched = new Map<string, { shelved: Shelved; wanted: Map<string, Entry> }>();
    for (const change of changes) {
      const key = change.kind === 'put' ? change.entry.key : change.key;
      const shelved = this.#shelved.get(unitOf(key, this.#prefixes).id);
      if (!shelved) {
        through.push(change);
        continue;
      }
      const { wanted } = touched.get(shelved.unit.id) ?? { wanted: new Map(shelved.wanted) };
      if (change.kind === 'put') {
        wanted.set(key, change.entry);
      } else {
        wanted.delete(key);
      }
      touched.set(shelved.unit.id, { shelved, wanted });
    }
    return this.#reform(through, touched.values());
  }

  /** Takes everything that the sources have; gives everything that is believed. */
  filterAll(entries: Iterable<Entry>): Omit<Filtered, 'changes'> & { readonly entries: Iterable<Entry> } {
    if (this.#shelved.size === 0) {
      return { entries, released: [], touched: [] };
    }
    const through: Entry[] = [];
    const now = new Map([...this.#shelved].map(([id]) => [id, new Map<string, Entry>()]));
    for (const entry of entries) {
      const own = now.get(unitOf(entry.key, this.#prefixes).id);
      if (own) {
        own.set(entry.key, entry);
      } else {
        through.push(entry);
      }
    }
    const changed = this.all
      .map((shelved) => ({ shelved, wanted: now.get(shelved.unit.id) ?? new Map<string, Entry>() }))
      .filter(
        ({ shelved, wanted }) => this.#restored.has(shelved.unit.id) || !sameEntries(shelved.wanted, wanted),
      );
    this.#restored.clear();
    const before = new Map(changed.map(({ shelved: { unit, wanted } }) => [unit.id, wanted]));
    const { released, touched } = this.#reform([], changed);
    const believed = [...before.keys()].flatMap((id) => {
      const shelved = this.#shelved.get(id);
      return [...(shelved?.believed ?? now.get(id) ?? []).values()];
    });
    const still = this.all.filter(({ unit }) => !before.has(unit.id));
    const kept = still.flatMap(({ believed: form }) => [...form.values()]);
    return { entries: [...through, ...kept, ...believed], released, touched };
  }

  /**
   * Sets a unit aside, or changes what is kept of it. `kept` is the form that was judged good; it is taken as
   * it is while the unit is still what was judged (`judged`), and else with the moves of now.
   */
  put(
    unit: Unit,
    options: {
      readonly kept: Entries;
      readonly judged: Entries;
      readonly reason: string;
      readonly now: Entries;
      readonly since: number;
    },
  ): readonly Change[] {
    const { kept, judged, reason, now } = options;
    const before = this.#shelved.get(unit.id);
    const wanted = before?.wanted ?? now;
    const believed = sameEntries(now, judged) ? kept : movedForm(unit, kept, wanted);
    const since = before?.since ?? options.since;
    this.#shelved.set(unit.id, { unit, good: kept, wanted, believed, reason, since });
    return changesBetween(now, believed);
  }

  /** Lets a unit be what the sources say. */
  release(unit: Unit): readonly Change[] {
    const shelved = this.#shelved.get(unit.id);
    if (!shelved || !this.#shelved.delete(unit.id)) {
      return [];
    }
    return changesBetween(shelved.believed, shelved.wanted);
  }

  /** Takes over what an earlier run had set aside, before the first tree: what the sources say comes with that. */
  restore(all: readonly Pick<Shelved, 'unit' | 'good' | 'reason' | 'since'>[]): void {
    for (const one of all) {
      this.#restored.add(one.unit.id);
      this.#shelved.set(one.unit.id, { ...one, wanted: new Map(), believed: new Map() });
    }
  }

  /** The first tree is whole: what an earlier run had set aside and is gone from the sources is let go. */
  begin(): readonly Unit[] {
    if (this.#restored.size === 0) {
      return [];
    }
    this.#restored.clear();
    const gone = this.all.filter(({ wanted, believed }) => wanted.size + believed.size === 0);
    for (const { unit } of gone) {
      this.#shelved.delete(unit.id);
    }
    return gone.map(({ unit }) => unit);
  }

  /** The hash of what the sources say, from that of what is believed. */
  rawHash(believed: string): string {
    if (this.#shelved.size === 0) {
      return believed;
    }
    const sum = (pick: (shelved: Shelved) => Entries) => {
      const tree = new Tree();
      tree.apply(
        this.all.flatMap((one) => [...pick(one).values()].map((entry): Change => ({ kind: 'put', entry }))),
      );
      return BigInt(`0x${tree.hash}`);
    };
    const raw = BigInt(`0x${believed}`) - sum((one) => one.believed) + sum((one) => one.wanted);
    return BigInt.asUintN(64, raw).toString(16).padStart(16, '0');
  }

  #reform(
    through: Change[],
    changed: Iterable<{ readonly shelved: Shelved; readonly wanted: Entries }>,
  ): Filtered {
    const released: Unit[] = [];
    const touched: Unit[] = [];
    for (const { shelved, wanted } of changed) {
      const { unit, good } = shelved;
      const believed = movedForm(unit, good, wanted);
      if (sameValues(believed, wanted)) {
        this.#shelved.delete(unit.id);
        released.push(unit);
        for (const change of changesBetween(shelved.believed, wanted)) {
          through.push(change);
        }
      } else {
        this.#shelved.set(unit.id, { ...shelved, wanted, believed });
        if (!sameValues(shelved.wanted, wanted)) {
          touched.push(unit);
        }
        for (const change of changesBetween(shelved.believed, believed)) {
          through.push(change);
        }
      }
    }
    return { changes: through, released, touched };
  }
}

/** The entries of a unit in a tree. */
export function entriesOfUnit(tree: TreeView, unit: Unit, prefixes: Prefixes): Entries {
  const roots =
    unit.kind === 'key'
      ? [unit.name]
      : (unit.kind === 'route' ? prefixes.routes : prefixes.services).map(
          (prefix) => `${prefix === '/' ? '' : prefix}/${unit.name}`,
        );
  const own = new Map<string, Entry>();
  for (const root of roots) {
    for (const entry of tree.under(root)) {
      if (unitOf(entry.key, prefixes).id === unit.id) {
        own.set(entry.key, entry);
      }
    }
  }
  return own;
}

/** The changes from one form to another. */
export function changesBetween(before: Entries, after: Entries): Change[] {
  const gone = [...before.keys()].filter((key) => !after.has(key));
  const put = [...after.values()].filter((entry) => !sameEntry(before.get(entry.key), entry));
  return [
    ...gone.map((key): Change => ({ kind: 'delete', key })),
    ...put.map((entry): Change => ({ kind: 'put', entry })),
  ];
}

function sameEntries(a: Entries, b: Entries): boolean {
  return a.size === b.size && [...a].every(([key, entry]) => sameEntry(b.get(key), entry));
}
