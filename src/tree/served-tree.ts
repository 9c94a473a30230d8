import { asError } from '../errors.ts';
import type { Counts, Emit, KeptKey } from '../events.ts';
import { Catalog, type CatalogOptions } from '../model/catalog.ts';
import type { Change, Entry } from '../model/entry.ts';
import type { Grammar } from '../model/grammar.ts';
import { type InstanceEntry, isInstance, type ReadEntry } from '../model/read-entry.ts';
import { byKeyAndReason } from '../model/rejection.ts';
import type { Rejection } from '../model/service.ts';
import { shorten } from '../model/shorten.ts';
import type { BelievedChange } from '../model/tree-changes.ts';
import { clock } from '../ports/clock.ts';
import type { Differences } from '../ports/stores.ts';
import { KeyReports, keptKey } from './key-reports.ts';
import { LastGood } from './last-good.ts';
import { RawTree } from './raw-tree.ts';
import {
  type RefusalRecord,
  type RefusalStep,
  Refusals,
  type Refused,
  type UnitVerdict,
} from './refusals.ts';
import { entriesOfUnit, type Unit, type UnitChange } from './unit.ts';

export interface ServedTreeOptions {
  readonly catalog: CatalogOptions;
  readonly emit: Emit;
  /** `kept.max` in milliseconds: what is kept for longer is said. @default for ever */
  readonly keptMax?: number;
}

/** What a text is made of. */
export type ToDraw =
  /** There is no tree yet: what is waited for, for people. */
  | { readonly kind: 'nothing'; readonly missing: string }
  /** In doubt it has no instance, and may be that of a store that lost everything. */
  | { readonly kind: 'tree'; readonly catalog: Catalog; readonly isDoubtful: boolean };

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
  #options: CatalogOptions;
  readonly #refusals: Refusals;
  readonly #lastGood: LastGood;
  readonly #reports: KeyReports;
  /** What is believed of the keys whose value is refused by itself, and that keep their last good form. */
  readonly #kept = new Map<string, ReadEntry>();
  #catalog: Catalog;
  #unplaced: readonly Rejection[] = [];
  #missing = 'no source has given its keys yet';
  #hasTree = false;
  #isDoubtful = false;
  #view: readonly unknown[] = [];

  constructor({ catalog, emit, keptMax }: ServedTreeOptions) {
    this.#options = catalog;
    this.#catalog = new Catalog(catalog);
    this.#refusals = new Refusals(catalog.grammar);
    this.#lastGood = new LastGood(catalog.grammar);
    this.#reports = new KeyReports(emit, keptMax);
  }

  /** What its keys and values are read by. */
  get grammar(): Grammar {
    return this.#options.grammar;
  }

  /** The tree as services and routes; another object after it threw. */
  get catalog(): Catalog {
    return this.#catalog;
  }

  /** Every key that is rejected: by the catalog, or because the text has no place for it. Sorted by key. */
  get rejected(): readonly Rejection[] {
    const { rejected } = this.catalog;
    return this.#unplaced.length === 0 ? rejected : [...rejected, ...this.#unplaced].sort(byKeyAndReason);
  }

  /** True once a source gave everything that it has. */
  get hasTree(): boolean {
    return this.#hasTree;
  }

  /** What is waited for until there is a tree, for people; null once there is one. */
  get waitsFor(): string | null {
    return this.#hasTree ? null : this.#missing;
  }

  /** What is set aside: single values, then units, each in the order in which they were. */
  get refused(): readonly Refused[] {
    return this.#refusals.all;
  }

  /** The keys that keep their last good form. */
  get kept(): readonly KeptKey[] {
    return [...this.#kept.values()].map(keptKey);
  }

  /** The kept instances whose address was claimed by another key: nothing that is kept keeps it. */
  get claimed(): readonly string[] {
    if (this.#kept.size === 0) {
      return [];
    }
    const { rejected, tree } = this.#catalog;
    return rejected.flatMap(({ key, other }) => {
      const form = this.#kept.get(key)?.form;
      const live = other === undefined ? undefined : tree.at(other);
      return form && live && isInstance(form) && isInstance(live) && sameAddress(form, live) ? [key] : [];
    });
  }

  /** The last tree that was accepted. */
  get lastGood(): Pick<LastGood, 'differences' | 'from' | 'hasNewer' | 'isServed'> {
    return this.#lastGood;
  }

  /** By what the tree that is believed differs from the last good one; null where none was good yet. */
  get believedSinceGood(): Differences | null {
    return this.#lastGood.believedDifferences(this.refused);
  }

  /** The units by which this tree differs from the last good one, with their last good forms. */
  get changedUnits(): readonly UnitChange[] {
    return this.#lastGood.changedUnits(this.#catalog, (unit) => this.#refusals.get(unit));
  }

  get counts(): Counts {
    const { rejected } = this;
    const { services, routes, ignored, tree } = this.#catalog;
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
    const { services, routes, rejected, tree } = this.#catalog;
    const aside = this.refused.length > 0 ? {} : 0;
    const parts = [services, routes, rejected.length, tree.hash, aside];
    if (parts.some((part, at) => part !== this.#view[at])) {
      this.#view = parts;
    }
    return this.#view;
  }

  /** Makes services and routes of the same tree by these from now on. */
  follow(options: CatalogOptions): void {
    this.#options = options;
    this.#refusals.follow(options.grammar);
    this.#lastGood.follow(options.grammar);
    this.#catalog = this.#catalogOf(this.#catalog.tree);
    if (this.#hasTree) {
      this.#tell();
    }
  }

  /**
   * Takes changes of what is believed: all of them, or none where that throws. A value over which the catalog throws
   * by itself is set aside, and the others are taken. Gives the changes of what is served.
   */
  apply(changes: readonly BelievedChange[]): readonly Change<ReadEntry>[] {
    const forms = changes.map((change) =>
      change.kind === 'put' && change.entry.kept ? { ...change, entry: change.entry.form } : change,
    );
    const served = this.#applyForms(forms);
    this.#keep(changes);
    return served;
  }

  #keep(changes: readonly BelievedChange[]): void {
    const kept = changes.flatMap((change) =>
      change.kind === 'put' && change.entry.kept ? [change.entry] : [],
    );
    const over = changes.flatMap((change) => {
      const [key, keeps] = change.kind === 'put' ? [change.entry.key, change.entry.kept] : [change.key];
      return !keeps && this.#kept.delete(key) ? [key] : [];
    });
    for (const entry of kept) {
      this.#kept.set(entry.key, entry);
    }
    if (this.#hasTree) {
      this.#reports.kept(kept, over);
    }
  }

  #applyForms(changes: readonly BelievedChange[]): readonly Change<ReadEntry>[] {
    try {
      return this.#take(this.#refusals.replace(changes));
    } catch (error) {
      if (!this.#setThrowingAside(changes)) {
        throw error;
      }
      return this.#take(this.#refusals.replace(changes));
    }
  }

  /** Says what has been kept for too long; `now`: milliseconds since 1970. */
  turn(now: number): void {
    this.#reports.turn(now);
  }

  /** Takes a whole tree that nobody follows; `known`: what was believed of it before. */
  fill(entries: readonly Entry[], known: readonly Entry[] = []): void {
    const raw = new RawTree(this.grammar);
    const options = { now: clock.date(), believed: () => undefined };
    for (const all of [known, entries]) {
      raw.take({ kind: 'snapshot', entries: all, revision: 0n }, options);
    }
    this.apply([...raw].map((entry) => ({ kind: 'put', entry })));
    this.apply(raw.endKept(this.claimed));
    this.begin('sure');
  }

  /** There is no tree yet, and why, for people. */
  waitFor(what: string): void {
    this.#missing = what;
  }

  /** What was applied so far is a whole tree. In doubt it may be that of a store that lost everything. */
  begin(doubt: 'in doubt' | 'sure'): void {
    this.#isDoubtful = doubt === 'in doubt';
    if (!this.#hasTree) {
      this.#hasTree = true;
      this.#refusals.begin();
      this.#tell();
      this.#reports.kept(this.#kept.values());
    }
  }

  /** Sets a unit aside, or changes what stands in its place. */
  setAside(unit: Unit, verdict: UnitVerdict): void {
    const now = entriesOfUnit(this.#catalog.tree, unit, this.grammar.prefixes);
    this.#take(this.#refusals.setAside(unit, verdict, { now, at: clock.date() }));
  }

  /** Lets a unit be what is believed. */
  release(unit: Unit): void {
    this.#take(this.#refusals.release(unit));
  }

  /** Takes over what an earlier run had set aside, before the first tree: what is believed comes with that. */
  restore(records: readonly RefusalRecord[]): void {
    this.#refusals.restore(records);
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
    this.#lastGood.drew(this.#catalog.rejected);
    return { kind: 'tree', catalog: this.#catalog, isDoubtful: this.#isDoubtful };
  }

  /** The text that was drawn last has no place for what these keys ask for. */
  drewWithout(rejected: readonly Rejection[]): void {
    if (rejected.length + this.#unplaced.length === 0) {
      return;
    }
    this.#unplaced = rejected;
    this.#tell();
  }

  /** The text that was drawn last is good, and so was its tree. */
  accepted(): void {
    this.#lastGood.accepted();
  }

  /** A catalog of the same tree, to try things on. */
  copy(): Catalog {
    return this.#catalogOf(this.#catalog.tree);
  }

  #take(step: RefusalStep): readonly Change<ReadEntry>[] {
    this.#change(step.changes);
    this.#refusals.take(step);
    return step.changes;
  }

  /** Changes what is served: all of it, or nothing where that throws, which may be half way. */
  #change(changes: readonly Change[]): void {
    const { tree } = this.#catalog;
    const keys = changes.map((change) => (change.kind === 'put' ? change.entry.key : change.key));
    const before = new Map(keys.map((key) => [key, tree.at(key)]));
    try {
      this.#catalog.apply(changes);
    } catch (error) {
      const others = [...tree].filter(({ key }) => !before.has(key));
      this.#catalog = this.#catalogOf([
        ...others,
        ...[...before.values()].filter((entry) => entry !== undefined),
      ]);
      throw error;
    }
    this.#lastGood.note(before);
    if (this.#hasTree) {
      this.#tell();
    }
  }

  /** Sets the values aside that throw by themselves; false where there is none. */
  #setThrowingAside(changes: readonly BelievedChange[]): boolean {
    const puts = changes.flatMap((change) => (change.kind === 'put' ? [change.entry] : []));
    const threw = this.#throwingIn(puts).map(({ entry, error }) => ({
      ...{ entry, error },
      reason: `Pointsman itself fails over it, which is a bug: ${shorten(String(error), 300)}`,
    }));
    const served = (key: string) => this.#catalog.tree.get(key);
    this.#refusals.setThrowingAside(threw, { served, at: clock.date() });
    return threw.length > 0;
  }

  /** Those of some entries over which the catalog throws, each by itself. */
  #throwingIn(entries: readonly ReadEntry[]): { readonly entry: ReadEntry; readonly error: Error }[] {
    const [entry] = entries;
    try {
      this.copy().apply(entries.map((one) => ({ kind: 'put', entry: one })));
      return [];
    } catch (error) {
      if (entries.length === 1 && entry) {
        return [{ entry, error: asError(error) }];
      }
    }
    const middle = entries.length >>> 1;
    return [...this.#throwingIn(entries.slice(0, middle)), ...this.#throwingIn(entries.slice(middle))];
  }

  #tell(): void {
    const { remarks, massClaims } = this.#catalog;
    this.#reports.update({ rejected: this.rejected, remarks, massClaims });
  }

  #catalogOf(entries: Iterable<Entry>): Catalog {
    const catalog = new Catalog(this.#options);
    catalog.replace(entries);
    return catalog;
  }
}

function sameAddress(a: InstanceEntry, b: InstanceEntry): boolean {
  return a.meaning.instance.address === b.meaning.instance.address;
}
