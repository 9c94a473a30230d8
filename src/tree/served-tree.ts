import type { Counts, Emit } from '../events.ts';
import type { Catalog, CatalogOptions } from '../model/catalog.ts';
import type { Change, Entry } from '../model/entry.ts';
import type { Prefixes } from '../model/keys.ts';
import { ReadEntry } from '../model/read-entry.ts';
import { shorten } from '../model/shorten.ts';
import type { BelievedChange } from '../model/tree-changes.ts';
import { clock } from '../ports/clock.ts';
import type { Differences } from '../ports/stores.ts';
import { AtomicCatalog } from './atomic-catalog.ts';
import { KeyReports } from './key-reports.ts';
import { LastGood } from './last-good.ts';
import { type RefusedKey, RefusedKeys } from './refused-keys.ts';
import { type RefusedUnit, RefusedUnits, type UnitRecord, type UnitVerdict } from './refused-units.ts';
import { changesBetween, entriesOfUnit, sameValues, type Unit, type UnitChange, unitOf } from './unit.ts';

export interface ServedTreeOptions {
  readonly catalog: CatalogOptions;
  readonly emit: Emit;
}

/** The last good forms of everything that is set aside. */
export interface Records {
  readonly units: readonly UnitRecord[];
  /** Entries whose key has a value by now over which taking it throws. */
  readonly keys: readonly Entry[];
}

/** What a text is made of. */
export type ToDraw =
  /** There is no tree yet: what is waited for, for people. */
  | { readonly kind: 'nothing'; readonly missing: string }
  /** In doubt it has no instance, and may be that of a store that lost everything. */
  | { readonly kind: 'tree'; readonly catalog: Catalog; readonly isDoubtful: boolean };

/** What a step did to the served tree. */
export interface Served {
  /** The changes of what is served. */
  readonly changes: readonly Change<ReadEntry>[];
  /** Values over which taking them threw, which is a bug: they are set aside now, each by its key. */
  readonly threw: readonly { readonly of: RefusedKey; readonly error: Error }[];
  /** What was set aside and is as believed again: ids of units and of keys. */
  readonly released: readonly string[];
  /** Units that are set aside and changed: worth another try. */
  readonly touched: readonly Unit[];
}

/**
 * The last of the trees: what is believed, with everything that was refused replaced by its last good form, and the
 * services and routes that follow from it.
 *
 *     believed --refused by itself?--> value of its key or none --part of a refused unit?--> its last good form
 *         --> served --> catalog
 *
 * Whatever is refused is replaced here and nowhere else: `setAside` by those who find that out (the quarantine), and a
 * value over which even the catalog throws by the stage itself.
 */
export class ServedTree {
  /** The prefixes of the settings. */
  readonly prefixes: Prefixes;
  readonly #catalog: AtomicCatalog;
  readonly #keys: RefusedKeys;
  readonly #units: RefusedUnits;
  readonly #lastGood = new LastGood();
  readonly #reports: KeyReports;
  #missing = 'no source has given its keys yet';
  #hasTree = false;
  #isDoubtful = false;
  #view: readonly unknown[] = [];

  constructor(options: ServedTreeOptions) {
    this.prefixes = options.catalog.prefixes;
    this.#catalog = new AtomicCatalog(options.catalog);
    this.#keys = new RefusedKeys(this.prefixes);
    this.#units = new RefusedUnits(this.prefixes);
    this.#reports = new KeyReports(options.emit);
  }

  /** The tree as services and routes. */
  get catalog(): Catalog {
    return this.#catalog.current;
  }

  /** True once a source gave everything that it has. */
  get hasTree(): boolean {
    return this.#hasTree;
  }

  /** The units that are set aside, in the order in which they were. */
  get refusedUnits(): readonly RefusedUnit[] {
    return this.#units.all;
  }

  /** The last tree that was accepted. */
  get lastGood(): Pick<LastGood, 'differences' | 'from' | 'hasNewer' | 'isServed'> {
    return this.#lastGood;
  }

  /**
   * By what the tree that is believed differs from the last good one; null where none was good yet. What is set aside is
   * among it: it is believed, and was never good, whatever becomes of the record that says so.
   */
  get believedSinceGood(): Differences | null {
    if (this.#lastGood.from === 'nowhere') {
      return null;
    }
    const aside = this.#units.all.flatMap(({ believed, served }) =>
      changesBetween(served, believed).map((change): [string, Entry | undefined] => {
        const key = change.kind === 'put' ? change.entry.key : change.key;
        return [key, served.get(key)];
      }),
    );
    return new Map([...aside, ...this.#lastGood.differences]);
  }

  /** The units by which this tree differs from the last good one, with their last good forms. */
  get changedUnits(): readonly UnitChange[] {
    const lost = new Set(this.catalog.rejected.map(({ key }) => key));
    const won = this.#losers().filter(([key]) => !lost.has(key));
    const before = new Map([...this.#lastGood.differences, ...won]);
    const units = new Map<string, { readonly unit: Unit; readonly keys: string[] }>();
    for (const key of before.keys()) {
      const entry = this.catalog.tree.at(key) ?? before.get(key);
      if (!entry) {
        continue;
      }
      const unit = unitOf(ReadEntry.of(entry, this.prefixes));
      const known = units.get(unit.id) ?? { unit, keys: [] };
      known.keys.push(key);
      units.set(unit.id, known);
    }
    return [...units.values()].flatMap(({ unit, keys }) => {
      const goal = entriesOfUnit(this.catalog.tree, unit, this.prefixes);
      const good = this.#lastGood.from !== 'nowhere' ? undefined : this.#units.get(unit)?.good;
      const change = { unit, good: good ?? this.#before(goal, keys, before), goal };
      return sameValues(change.good, goal) ? [] : [change];
    });
  }

  /** Instances that were in the last good tree and had lost their address: nobody has judged them yet. */
  #losers(): readonly (readonly [string, undefined])[] {
    return this.#lastGood.losers.flatMap((key) =>
      this.catalog.tree.at(key)?.meaning.role.kind === 'instance' ? [[key, undefined] as const] : [],
    );
  }

  #before(goal: UnitChange['goal'], keys: readonly string[], before: Differences): UnitChange['good'] {
    const good = new Map(goal);
    for (const key of keys) {
      const entry = before.get(key);
      if (entry) {
        good.set(key, ReadEntry.of(entry, this.prefixes, goal.get(key)));
      } else {
        good.delete(key);
      }
    }
    return good;
  }

  get counts(): Counts {
    const { services, routes, rejected, ignored, tree } = this.catalog;
    const instances = services.reduce((sum, service) => sum + service.instances.length, 0);
    return {
      keys: tree.size,
      services: services.length,
      instances,
      routes: routes.length,
      rejected: rejected.length,
      ignored,
    };
  }

  /**
   * Another object whenever a template, the quarantine or a person could see something else than before. Another
   * revision of the same value alone is none.
   */
  get view(): object {
    const { services, routes, rejected, tree } = this.catalog;
    const aside = this.#units.size > 0 ? {} : 0;
    const parts = [services, routes, rejected.length, tree.hash, aside];
    if (parts.some((part, at) => part !== this.#view[at])) {
      this.#view = parts;
    }
    return this.#view;
  }

  /**
   * Takes changes of what is believed: all of them, or none where that throws. A value over which the catalog throws
   * by itself is set aside, and the others are taken.
   */
  apply(changes: readonly BelievedChange[]): Served {
    try {
      return this.#apply(changes);
    } catch (error) {
      const threw = this.#setThrowingAside(changes);
      if (threw.length === 0) {
        throw error;
      }
      return { ...this.#apply(changes), threw };
    }
  }

  /** Takes a whole tree that nobody follows. */
  fill(entries: Iterable<Entry>): void {
    this.#change(this.catalog.tree.changesTo(entries));
    this.begin('sure');
  }

  /** There is no tree yet, and why, for people. */
  waitFor(what: string): void {
    this.#missing = what;
  }

  /** What was applied so far is a whole tree. In doubt it may be that of a store that lost everything. */
  begin(doubt: 'in doubt' | 'sure'): Served {
    this.#isDoubtful = doubt === 'in doubt';
    if (this.#hasTree) {
      return NOTHING;
    }
    this.#hasTree = true;
    this.#keys.begin();
    const released = this.#units.begin().map(({ id }) => id);
    this.#reports.update(this.catalog);
    return { ...NOTHING, released };
  }

  /** Sets a unit aside, or changes what stands in its place. */
  setAside(unit: Unit, verdict: UnitVerdict): RefusedUnit {
    const now = entriesOfUnit(this.catalog.tree, unit, this.prefixes);
    const { changes, commit, set } = this.#units.setAside(unit, verdict, { now, at: clock.date() });
    this.#change(changes);
    commit();
    return set;
  }

  /** Lets a unit be what is believed. */
  release(unit: Unit): void {
    const { changes, commit } = this.#units.release(unit);
    this.#change(changes);
    commit();
  }

  /** Takes over what an earlier run had set aside, before the first tree: what is believed comes with that. */
  restore({ units, keys }: Records): void {
    this.#units.restore(units);
    this.#keys.restore(keys);
  }

  /** What `restore` needs to know in the next run. */
  get records(): Records {
    const units = this.#units.all.map(({ unit, good, reason, since }) => ({
      ...{ unit, reason, since },
      good: [...good.values()],
    }));
    return { units, keys: this.#keys.good };
  }

  /** The tree as it is comes from an earlier run, and differs by this from the last one that was accepted there. */
  differsBy(differences: Differences): void {
    this.#lastGood.differsBy(differences);
  }

  /** The tree as it is, to make a text of: what is accepted then is this one. */
  toDraw(): ToDraw {
    if (!this.#hasTree) {
      return { kind: 'nothing', missing: this.#missing };
    }
    this.#lastGood.drew(this.catalog.rejected);
    return { kind: 'tree', catalog: this.catalog, isDoubtful: this.#isDoubtful };
  }

  /** The text that was drawn last is good, and so was its tree. */
  accepted(): void {
    this.#lastGood.accepted();
  }

  /** A catalog of the same tree, to try things on; units that are set aside are as these changes want them. */
  copyWith(changes: readonly UnitChange[]): Catalog {
    const copy = this.#catalog.copy();
    for (const { unit, goal } of changes) {
      const found = this.#units.get(unit);
      if (found) {
        copy.apply(changesBetween(found.served, goal));
      }
    }
    return copy;
  }

  #apply(changes: readonly BelievedChange[]): Served {
    const keys = this.#keys.filter(changes);
    const units = this.#units.filter(keys.changes);
    this.#change(units.changes);
    keys.commit();
    units.commit();
    const released = [...keys.released.map((key) => `key ${key}`), ...units.released.map(({ id }) => id)];
    return { ...NOTHING, changes: units.changes, released, touched: units.touched };
  }

  /** Changes what is served: all of it, or nothing where that throws. */
  #change(changes: readonly Change[]): void {
    const before = this.#catalog.apply(changes);
    this.#lastGood.note(
      [...before].map(([key, entry]) => [key, entry?.refused === undefined ? entry : undefined]),
    );
    if (this.#hasTree) {
      this.#reports.update(this.catalog);
    }
  }

  /** Sets the values aside that throw by themselves. */
  #setThrowingAside(changes: readonly BelievedChange[]): Served['threw'] {
    const puts = changes.flatMap((change) => (change.kind === 'put' ? [change.entry] : []));
    return this.#catalog.throwingIn(puts).map(({ entry: { key, value }, error }) => {
      const reason = `Pointsman itself fails over it, which is a bug: ${shorten(String(error), 300)}`;
      const good = this.catalog.tree.get(key) ?? null;
      return { of: this.#keys.setAside({ key, value, good, reason, since: clock.date() }), error };
    });
  }
}

const NOTHING: Served = { changes: [], threw: [], released: [], touched: [] };

/** What several steps did, one after the other. */
export function allOf(...steps: readonly Served[]): Served {
  return {
    changes: steps.flatMap(({ changes }) => changes),
    threw: steps.flatMap(({ threw }) => threw),
    released: steps.flatMap(({ released }) => released),
    touched: steps.flatMap(({ touched }) => touched),
  };
}
