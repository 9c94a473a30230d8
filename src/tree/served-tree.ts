import type { Counts, Emit, Hashes } from '../events.ts';
import { Catalog, type CatalogOptions } from '../model/catalog.ts';
import type { Change, Entry } from '../model/entry.ts';
import type { Prefixes } from '../model/keys.ts';
import { Tree } from '../model/tree.ts';
import { type Filtered, QuarantineShelf } from '../quarantine/shelf.ts';
import { SinceGood } from '../quarantine/since-good.ts';
import { type Unit, unitOf } from '../quarantine/unit.ts';
import { Rejections } from './rejections.ts';
import { RemarkTeller } from './remark-teller.ts';
import { type Before, restoredCatalog } from './restored-catalog.ts';

export interface ServedTreeOptions {
  readonly catalog: CatalogOptions;
  readonly emit: Emit;
}

/** What a step did to the served tree. */
export interface Served {
  /** The changes of the tree that is rendered. */
  readonly changes: readonly Change[];
  /** What was set aside and is as the sources say again. */
  readonly released: readonly Unit[];
  /** What is set aside and changed: worth another try. */
  readonly touched: readonly Unit[];
  /** Held keys whose address a live key claims: the guard is to let them go. */
  readonly claimed: readonly string[];
}

/**
 * The last of the trees: what is believed, with what was refused replaced by its last good form, and the services
 * and routes that follow from it.
 */
export class ServedTree {
  readonly #options: ServedTreeOptions;
  #catalog: Catalog;
  /** What is set aside. */
  readonly shelf: QuarantineShelf;
  /** By what this tree differs from the last good one. */
  readonly since = new SinceGood();
  readonly #rejections: Rejections;
  readonly #remarks: RemarkTeller;
  #onServed: (served: Pick<Served, 'released' | 'touched'>) => void = () => {};
  /** What of the tree is held: it went from the sources. */
  readonly held = new Tree();
  /** What is waited for while there is no tree, for people. */
  missing = 'no source has given its keys yet';
  #hasTree = false;
  /** The tree has no instance, and nothing to compare it with: it may be that of a store that lost everything. */
  isDoubtful = false;
  #view: readonly unknown[] = [];

  constructor(options: ServedTreeOptions) {
    this.#options = options;
    this.#catalog = new Catalog(options.catalog);
    this.shelf = new QuarantineShelf(options.catalog.prefixes);
    this.#rejections = new Rejections(options.emit);
    this.#remarks = new RemarkTeller(options.emit);
  }

  /** The tree as services and routes. */
  get catalog(): Catalog {
    return this.#catalog;
  }

  /** True once a source gave everything that it has. */
  get hasTree(): boolean {
    return this.#hasTree;
  }

  get prefixes(): Prefixes {
    return this.#options.catalog.prefixes;
  }

  /** Those of these keys that are there, as the sources give them: neither held nor set aside. */
  lookUp(keys: readonly string[]): readonly Entry[] {
    return keys.flatMap((key) => {
      if (this.held.get(key)) {
        return [];
      }
      const shelved = this.shelf.size === 0 ? undefined : this.shelf.get(unitOf(key, this.prefixes));
      return (shelved ? shelved.wanted.get(key) : this.catalog.tree.get(key)) ?? [];
    });
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

  /** Null before there is a tree. */
  get hashes(): Omit<Hashes, 'text'> {
    const tree = this.#hasTree ? this.catalog.tree.hash : null;
    const raw = tree === null ? null : this.held.takenFrom(this.shelf.rawHash(tree));
    return { raw, believed: tree };
  }

  /**
   * Another object whenever a template, the quarantine or a person could see something else than before. Another
   * revision of the same value alone is none.
   */
  get view(): object {
    const { services, routes, rejected, tree } = this.catalog;
    const parts = [
      services,
      routes,
      rejected.length,
      tree.hash,
      this.held.hash,
      this.shelf.size > 0 ? {} : 0,
    ];
    if (parts.some((part, at) => part !== this.#view[at])) {
      this.#view = parts;
    }
    return this.#view;
  }

  /** Takes changes of the believed tree. */
  apply(changes: readonly Change[]): Served {
    const filtered = this.shelf.filter(changes);
    this.change(filtered.changes);
    return this.#served(filtered);
  }

  /** Takes the believed tree as a whole. */
  replace(entries: Iterable<Entry>): Served {
    const { changes, released, touched, claimed } = this.take(entries);
    const begun = this.begin();
    return { changes, touched, claimed, released: [...released, ...begun.released] };
  }

  /** The same, not yet to be rendered. */
  take(entries: Iterable<Entry>): Served {
    const { entries: all, ...filtered } = this.shelf.filterAll(entries);
    const changes = this.catalog.tree.changesTo(all);
    this.change(changes);
    return this.#served({ ...filtered, changes });
  }

  /** What was applied so far is a whole tree. */
  begin(): Served {
    this.#hasTree = true;
    const released = this.shelf.begin();
    this.#tellKeys();
    return this.#served({ changes: [], released, touched: [] });
  }

  /** Has `listener` told what a step did to what is set aside. */
  watch(listener: (served: Pick<Served, 'released' | 'touched'>) => void): void {
    this.#onServed = listener;
  }

  /** Changes what is served, past what is set aside: all of it, or nothing where that throws. */
  change(changes: readonly Change[]): void {
    const before: Before = changes.map((change) => {
      const key = change.kind === 'put' ? change.entry.key : change.key;
      return { key, entry: this.catalog.tree.get(key) };
    });
    try {
      this.catalog.apply(changes);
    } catch (error) {
      this.#catalog = restoredCatalog(this.#options.catalog, this.catalog.tree, before);
      throw error;
    }
    this.since.note(before);
    if (this.#hasTree) {
      this.#tellKeys();
    }
  }

  /** A catalog of the same tree, to try things on. */
  copy(): Catalog {
    const copy = new Catalog(this.#options.catalog);
    copy.replace(this.catalog.tree);
    return copy;
  }

  #tellKeys(): void {
    this.#rejections.update(this.catalog.rejected);
    this.#remarks.update(this.catalog.remarks);
  }

  #served(filtered: Filtered): Served {
    if (filtered.released.length + filtered.touched.length > 0) {
      this.#onServed(filtered);
    }
    return { ...filtered, claimed: [] };
  }
}
