import type { Entry } from '../model/entry.ts';
import type { Grammar } from '../model/grammar.ts';
import { ReadEntry } from '../model/read-entry.ts';
import type { BelievedChange } from '../model/tree-changes.ts';
import type { RefusedBy } from '../ports/judge.ts';
import type { NamedFile } from '../ports/named-files.ts';
import {
  changesBetween,
  type Entries,
  sameEntries,
  sameValues,
  type Unit,
  unitOf,
  valueUnit,
} from './unit.ts';
import { movedForm } from './unit-forms.ts';

/** What was refused as one, and is replaced until it is accepted. */
export interface Refused {
  readonly unit: Unit;
  /** Its last good form; empty where it has none. */
  readonly good: Entries;
  /** What is believed of it. */
  readonly believed: Entries;
  /** What is served in its place. */
  readonly served: Entries;
  /** HAProxy's, the template's or our own words. */
  readonly reason: string;
  /** Who refuses it. @default 'check' */
  readonly by?: RefusedBy;
  /** The `bind` lines for which this host does. @default none */
  readonly binds?: readonly string[];
  /** The files that the text named which was refused, as far as that is known: another one may be right. @default none */
  readonly files?: readonly NamedFile[];
  /** When it was set aside, in milliseconds since 1970. */
  readonly since: number;
  /** What was thrown over it, which is a bug. */
  readonly error?: Error;
}

/** What a restart needs to know of it. */
export interface RefusalRecord extends Pick<Refused, 'unit' | 'reason' | 'by' | 'binds' | 'since'> {
  readonly good: readonly Entry[];
}

/** What sets a unit aside, or changes what stands in its place. */
export interface UnitVerdict {
  /** The form that was judged good. */
  readonly kept: Entries;
  /** The form that the verdict was about. */
  readonly judged: Entries;
  readonly reason: string;
  readonly by?: RefusedBy;
  readonly binds?: readonly string[];
  readonly files?: readonly NamedFile[];
}

/** A step, not taken yet. */
export interface RefusalStep {
  /** The changes of what is served. */
  readonly changes: readonly BelievedChange[];
  /** What is set aside by it, or stays so with another form. */
  readonly refused: readonly Refused[];
  /** What is as believed again. */
  readonly over: readonly Unit[];
}

/**
 * What was refused, each replaced by its last good form: changes of what is believed in, changes of what is served out.
 * Single values come first: what stands in their place is what is believed of their unit. Where nothing is refused,
 * everything passes through untouched.
 */
export class Refusals {
  #grammar: Grammar;
  readonly #values = new Map<string, Refused>();
  readonly #units = new Map<string, Refused>();
  /** Ids of units of an earlier run, until there is a tree: a cache may be older than what was refused. */
  readonly #restored = new Set<string>();
  /** Last good entries of values that an earlier run refused: they may be right for this one. */
  readonly #earlier = new Map<string, ReadEntry>();

  constructor(grammar: Grammar) {
    this.#grammar = grammar;
  }

  /** Reads by this one from now on. */
  follow(grammar: Grammar): void {
    this.#grammar = grammar;
  }

  /** Values first, each in the order in which they were set aside. */
  get all(): readonly Refused[] {
    return [...this.#values.values(), ...this.#units.values()];
  }

  get(unit: Unit): Refused | undefined {
    return this.#of(unit).get(unit.id);
  }

  /** What becomes of changes of what is believed. */
  replace(changes: readonly BelievedChange[]): RefusalStep {
    const values = this.#replaceIn(this.#values, valueUnit, changes);
    const units = this.#replaceIn(this.#units, unitOf, values.changes);
    return {
      changes: units.changes,
      refused: [...values.refused, ...units.refused],
      over: [...values.over, ...units.over],
    };
  }

  /** Takes a step. */
  take({ refused, over }: RefusalStep): void {
    for (const unit of over) {
      this.#of(unit).delete(unit.id);
    }
    for (const one of refused) {
      this.#of(one.unit).set(one.unit.id, one);
    }
  }

  /** Sets values aside over which taking them throws; `served`: the entry that is served of a key. */
  setThrowingAside(
    threw: readonly { readonly entry: ReadEntry; readonly error: Error; readonly reason: string }[],
    { served, at }: { readonly served: (key: string) => ReadEntry | undefined; readonly at: number },
  ): void {
    for (const { entry, error, reason } of threw) {
      const unit = valueUnit(entry);
      const now = entriesOf([served(entry.key)]);
      const good = now.size > 0 ? now : entriesOf([this.#earlier.get(entry.key)]);
      const believed = entriesOf([entry]);
      this.#values.set(unit.id, { unit, good, believed, served: now, reason, error, since: at });
    }
  }

  /**
   * Sets a unit aside that is served as `now`, or changes what stands in its place. What was judged good is taken as
   * it is while the unit is still what was judged, and else with the moves of now.
   */
  setAside(
    unit: Unit,
    { kept, judged, reason, by = 'check', binds = [], files = [] }: UnitVerdict,
    { now, at }: { readonly now: Entries; readonly at: number },
  ): RefusalStep {
    const before = this.get(unit);
    const believed = before?.believed ?? now;
    const served = sameEntries(now, judged)
      ? kept
      : movedForm({ unit, good: kept, goal: believed }, this.#grammar);
    const since = before?.since ?? at;
    const refused = [{ unit, good: kept, believed, served, reason, by, binds, files, since }];
    return { changes: changesBetween(now, served), refused, over: [] };
  }

  /** Lets a unit be what is believed. */
  release(unit: Unit): RefusalStep {
    const found = this.get(unit);
    return { changes: found ? changesBetween(found.served, found.believed) : [], refused: [], over: [unit] };
  }

  /** Takes over what an earlier run had set aside, before the first tree: what is believed comes with that. */
  restore(records: readonly RefusalRecord[]): void {
    for (const { unit, good: entries, reason, by, binds = [], since } of records) {
      const good = entriesOf(entries.map((entry) => ReadEntry.of(entry, this.#grammar)));
      if (unit.kind === 'value') {
        good.forEach((entry, key) => void this.#earlier.set(key, entry));
      } else {
        this.#restored.add(unit.id);
        this.#units.set(unit.id, {
          unit,
          good,
          believed: entriesOf([]),
          served: entriesOf([]),
          ...{ reason, binds, since },
          ...(by ? { by } : {}),
        });
      }
    }
  }

  /** The first tree is whole: what an earlier run had set aside and is gone or mended is let go. */
  begin(): void {
    for (const { unit, believed, served } of this.#units.values()) {
      if (this.#restored.has(unit.id) && sameValues(served, believed)) {
        this.#units.delete(unit.id);
      }
    }
    this.#restored.clear();
    this.#earlier.clear();
  }

  #of({ kind }: Unit): Map<string, Refused> {
    return kind === 'value' ? this.#values : this.#units;
  }

  #replaceIn(
    known: ReadonlyMap<string, Refused>,
    unitFor: (entry: ReadEntry) => Unit,
    changes: readonly BelievedChange[],
  ): RefusalStep {
    if (known.size === 0) {
      return { changes, refused: [], over: [] };
    }
    const through: BelievedChange[] = [];
    const changed = new Map<Refused, Map<string, ReadEntry>>();
    for (const change of changes) {
      const found = known.get(unitFor(change.kind === 'put' ? change.entry : change.before).id);
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
    const [refused, over]: [Refused[], Unit[]] = [[], []];
    for (const [before, believed] of changed) {
      const { unit } = before;
      const moved = this.#formOf(before, believed);
      const isOver = this.#isOver(before, { believed, moved });
      const served = isOver ? believed : moved;
      changesBetween(before.served, served).forEach((change) => void through.push(change));
      if (isOver) {
        over.push(unit);
      } else {
        refused.push({ ...before, believed, served });
      }
    }
    return { changes: through, refused, over };
  }

  /** A value is tried again when it changes; a unit comes out by itself only where nothing of it is replaced any more. */
  #isOver(
    { unit, believed: before }: Refused,
    { believed, moved }: { readonly believed: Entries; readonly moved: Entries },
  ): boolean {
    return unit.kind === 'value'
      ? !sameValues(before, believed)
      : sameValues(moved, believed) && !this.#restored.has(unit.id);
  }

  /** What stands in the place of what is believed now. A value without a last good one is rejected by name. */
  #formOf({ unit, good, reason }: Refused, goal: Entries): Entries {
    if (unit.kind !== 'value') {
      return movedForm({ unit, good, goal }, this.#grammar);
    }
    const forms = [...goal.values()].map((entry) => {
      const before = good.get(entry.key);
      const form = before ? { ...entry, value: before.value } : { ...entry, value: '', refused: reason };
      return ReadEntry.of(form, this.#grammar, before);
    });
    return entriesOf(forms);
  }
}

function entriesOf(entries: readonly (ReadEntry | undefined)[]): Entries {
  return new Map(entries.flatMap((entry) => (entry ? [[entry.key, entry] as const] : [])));
}
