import type { Change, Entry } from '../model/entry.ts';
import type { Prefixes } from '../model/keys.ts';
import { ReadEntry } from '../model/read-entry.ts';
import type { BelievedChange } from '../model/tree-changes.ts';
import { changesBetween, type Entries, sameEntries, sameValues, type Unit, unitOf } from './unit.ts';
import { movedForm } from './unit-forms.ts';

/** A unit that is set aside. */
export interface RefusedUnit {
  readonly unit: Unit;
  /** Its last good form; empty where it has none. */
  readonly good: Entries;
  /** What is believed of it. */
  readonly believed: Entries;
  /** What is served in its place. */
  readonly served: Entries;
  /** HAProxy's or the template's own words. */
  readonly reason: string;
  /** When it was set aside, in milliseconds since 1970. */
  readonly since: number;
}

/** What a restart needs to know of a unit that is set aside. */
export interface UnitRecord extends Pick<RefusedUnit, 'unit' | 'reason' | 'since'> {
  readonly good: readonly Entry[];
}

/** What sets a unit aside, or changes what stands in its place. */
export interface UnitVerdict {
  /** The form that was judged good. */
  readonly kept: Entries;
  /** The form that the verdict was about. */
  readonly judged: Entries;
  readonly reason: string;
}

/** A step, not taken yet. */
export interface UnitStep {
  /** The changes of what is served. */
  readonly changes: readonly Change<ReadEntry>[];
  /** Takes it; until then nothing has changed. */
  commit(): void;
}

/** What becomes of changes where something is set aside. */
export interface FilteredUnits extends UnitStep {
  /** They are as believed again. */
  readonly released: readonly Unit[];
  /** They changed, and are still set aside: worth another try. */
  readonly touched: readonly Unit[];
}

/**
 * The units that were refused, each replaced by its last good form: changes of what is believed in, changes of what is
 * served out. Where nothing is set aside, everything passes through untouched.
 */
export class RefusedUnits {
  readonly #prefixes: Prefixes;
  readonly #units = new Map<string, RefusedUnit>();
  /** Ids of those of an earlier run, until there is a tree: a cache may be older than what was refused. */
  readonly #restored = new Set<string>();

  constructor(prefixes: Prefixes) {
    this.#prefixes = prefixes;
  }

  get size(): number {
    return this.#units.size;
  }

  /** In the order in which they were set aside. */
  get all(): readonly RefusedUnit[] {
    return [...this.#units.values()];
  }

  get(unit: Unit): RefusedUnit | undefined {
    return this.#units.get(unit.id);
  }

  /** What becomes of changes of what is believed. */
  filter(changes: readonly BelievedChange[]): FilteredUnits {
    if (this.#units.size === 0) {
      return { changes, released: [], touched: [], commit: () => {} };
    }
    const through: Change<ReadEntry>[] = [];
    const changed = new Map<RefusedUnit, Map<string, ReadEntry>>();
    for (const change of changes) {
      const of = change.kind === 'put' ? change.entry : change.before;
      const found = this.#units.get(unitOf(of).id);
      if (!found) {
        through.push(change);
        continue;
      }
      const believed = changed.get(found) ?? new Map(found.believed);
      changed.set(found, believed);
      if (change.kind === 'put') {
        believed.set(change.entry.key, change.entry);
      } else {
        believed.delete(change.key);
      }
    }
    return this.#replaced(through, changed);
  }

  #replaced(changes: Change<ReadEntry>[], changed: ReadonlyMap<RefusedUnit, Entries>): FilteredUnits {
    const released: Unit[] = [];
    const touched: Unit[] = [];
    const kept: RefusedUnit[] = [];
    for (const [before, believed] of changed) {
      const { unit, good } = before;
      const moved = movedForm({ unit, good, goal: believed }, this.#prefixes);
      const isMended = sameValues(moved, believed) && !this.#restored.has(unit.id);
      const served = isMended ? believed : moved;
      for (const change of changesBetween(before.served, served)) {
        changes.push(change);
      }
      if (isMended) {
        released.push(unit);
        continue;
      }
      kept.push({ ...before, believed, served });
      if (!sameValues(before.believed, believed)) {
        touched.push(unit);
      }
    }
    const commit = () => {
      for (const { id } of released) {
        this.#units.delete(id);
      }
      for (const one of kept) {
        this.#units.set(one.unit.id, one);
      }
    };
    return { changes, released, touched, commit };
  }

  /**
   * Sets a unit aside that is served as `now`, or changes what stands in its place. What was judged good is taken as
   * it is while the unit is still what was judged, and else with the moves of now.
   */
  setAside(
    unit: Unit,
    { kept, judged, reason }: UnitVerdict,
    { now, at }: { readonly now: Entries; readonly at: number },
  ): UnitStep & { readonly set: RefusedUnit } {
    const before = this.#units.get(unit.id);
    const believed = before?.believed ?? now;
    const served = sameEntries(now, judged)
      ? kept
      : movedForm({ unit, good: kept, goal: believed }, this.#prefixes);
    const since = before?.since ?? at;
    const set = { unit, good: kept, believed, served, reason, since };
    const commit = () => void this.#units.set(unit.id, set);
    return { changes: changesBetween(now, served), commit, set };
  }

  /** Lets a unit be what is believed. */
  release(unit: Unit): UnitStep {
    const found = this.#units.get(unit.id);
    const changes = found ? changesBetween(found.served, found.believed) : [];
    return { changes, commit: () => void this.#units.delete(unit.id) };
  }

  /** Takes over what an earlier run had set aside, before the first tree: what is believed comes with that. */
  restore(all: readonly UnitRecord[]): void {
    for (const { unit, good: entries, reason, since } of all) {
      const good = new Map(entries.map((entry) => [entry.key, ReadEntry.of(entry, this.#prefixes)]));
      this.#restored.add(unit.id);
      this.#units.set(unit.id, { unit, good, believed: new Map(), served: new Map(), reason, since });
    }
  }

  /** The first tree is whole: what an earlier run had set aside and is gone or mended is let go. */
  begin(): readonly Unit[] {
    const over = this.all.filter(
      ({ unit, believed, served }) => this.#restored.has(unit.id) && sameValues(served, believed),
    );
    this.#restored.clear();
    for (const { unit } of over) {
      this.#units.delete(unit.id);
    }
    return over.map(({ unit }) => unit);
  }
}
