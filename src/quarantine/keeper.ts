import { type Emit, failureOf, type QuarantinedUnit } from '../events.ts';
import { clock } from '../ports/clock.ts';
import type { StateFile } from '../ports/stores.ts';
import type { ServedTree } from '../tree/served-tree.ts';
import { readShelf, writeShelf } from './record.ts';
import { entriesOfUnit, type Shelved } from './shelf.ts';
import type { Entries, Unit } from './unit.ts';

const SHOWN = 20;

/** Changes the shelf, and tells of it: to the events, and to the disk. */
export class QuarantineKeeper {
  readonly #served: ServedTree;
  readonly #emit: Emit;
  readonly #file: StateFile | undefined;
  /** The words that were told of each unit. */
  readonly #told = new Map<string, string>();
  #written = '';
  #writing: Promise<void> = Promise.resolve();

  constructor(options: { readonly served: ServedTree; readonly emit: Emit; readonly file?: StateFile }) {
    this.#served = options.served;
    this.#emit = options.emit;
    this.#file = options.file;
  }

  /** Takes over what an earlier run had set aside. A file that is not ours or broken is left alone, with a word. */
  async open(): Promise<void> {
    if (!this.#file) {
      return;
    }
    let text: string | null;
    try {
      text = await this.#file.read();
    } catch (error) {
      this.#warn(error);
      return;
    }
    const records = text === null ? [] : readShelf(text);
    if (records === null) {
      const message = `reading ${this.#file.path}: it is not whole; nothing is set aside`;
      this.#emit({ kind: 'notice', message, hint: 'it is written anew when something is' });
      return;
    }
    this.#written = text ?? '';
    this.#served.shelf.restore(records);
    this.#tell(this.#served.shelf.all);
  }

  /** Sets a unit aside, or changes what is kept of it. `judged` is the form that the verdict was about. */
  setAside(
    unit: Unit,
    { kept, judged, reason }: { readonly kept: Entries; readonly judged: Entries; readonly reason: string },
  ): void {
    const { shelf, catalog, prefixes } = this.#served;
    const now = entriesOfUnit(catalog.tree, unit, prefixes);
    this.#served.change(shelf.put(unit, { kept, judged, reason, now, since: clock.date() }));
    const shelved = shelf.get(unit);
    if (shelved) {
      this.#tell([shelved]);
    }
  }

  /** Units are as the sources say again. */
  released(units: readonly Unit[]): void {
    const ids = units.map(({ id }) => id).filter((id) => this.#told.delete(id));
    if (ids.length > 0) {
      this.#emit({ kind: 'quarantine-released', units: ids });
    }
    if (units.length > 0) {
      void this.save();
    }
  }

  /** Writes down what is set aside, where that changed; one write after the other. Resolves when it is done. */
  async save(): Promise<void> {
    const file = this.#file;
    const { all } = this.#served.shelf;
    const text = all.length === 0 && this.#written === '' ? '' : writeShelf(all);
    if (!file || text === this.#written) {
      return this.#writing;
    }
    this.#written = text;
    this.#writing = this.#writing.then(() => file.write(text)).catch((error: unknown) => this.#warn(error));
    return this.#writing;
  }

  #tell(all: readonly Shelved[]): void {
    const news = all.filter(({ unit, reason }) => this.#told.get(unit.id) !== reason);
    for (const { unit, reason } of news) {
      this.#told.set(unit.id, reason);
    }
    if (news.length > 0) {
      this.#emit({ kind: 'quarantined', units: news.map(described) });
    }
  }

  #warn(error: unknown): void {
    this.#emit(failureOf('writing down what is set aside', error));
  }
}

function described({ unit, good, wanted, believed, reason, since }: Shelved): QuarantinedUnit {
  const keys = new Set([...wanted.keys(), ...good.keys()]);
  const differing = [...keys].filter((key) => wanted.get(key)?.value !== believed.get(key)?.value);
  return {
    unit: unit.id,
    keys: differing.sort().slice(0, SHOWN),
    reason,
    instead: believed.size === 0 ? 'nothing' : 'last good',
    since,
  };
}
