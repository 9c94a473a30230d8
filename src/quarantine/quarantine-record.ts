import { type Emit, failureOf, type QuarantinedUnit as ToldUnit } from '../events.ts';
import type { StateFile } from '../ports/stores.ts';
import type { RefusedKey } from '../tree/refused-keys.ts';
import type { RefusedUnit } from '../tree/refused-units.ts';
import type { ServedTree } from '../tree/served-tree.ts';
import { readRecords, recordsText } from './unit-records.ts';

/** So many keys of a unit are told. */
const SHOWN = 20;

/** Tells of what is set aside: to the events, and to the disk. */
export class QuarantineRecord {
  readonly #served: Pick<ServedTree, 'records' | 'refusedUnits' | 'restore'>;
  readonly #emit: Emit;
  readonly #file: StateFile | undefined;
  /** The words that were told, by id. */
  readonly #told = new Map<string, string>();
  #written = '';
  #writing: Promise<void> = Promise.resolve();

  constructor(options: {
    readonly served: Pick<ServedTree, 'records' | 'refusedUnits' | 'restore'>;
    readonly emit: Emit;
    readonly file?: StateFile;
  }) {
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
    const records = text === null ? { units: [], keys: [] } : readRecords(text);
    if (records === null) {
      const message = `reading ${this.#file.path}: it is not whole; nothing is set aside`;
      this.#emit({ kind: 'notice', message, hint: 'it is written anew when something is' });
      return;
    }
    this.#written = text ?? '';
    this.#served.restore(records);
    // Nothing stands anywhere yet.
    this.#tell(
      this.#served.refusedUnits.map((unit) => ({ ...describeUnit(unit), instead: insteadOf(unit.good) })),
    );
  }

  /** A unit was set aside, or something else stands in its place. */
  setAside(unit: RefusedUnit): void {
    this.#tell([describeUnit(unit)]);
  }

  /** Values were set aside by themselves. */
  setKeysAside(keys: readonly RefusedKey[]): void {
    if (keys.length > 0) {
      this.#tell(keys.map(describeKey));
      void this.save();
    }
  }

  /** What was set aside is as believed again. */
  released(ids: readonly string[]): void {
    const told = ids.filter((id) => this.#told.delete(id));
    if (told.length > 0) {
      this.#emit({ kind: 'quarantine-released', units: told });
    }
    if (ids.length > 0) {
      void this.save();
    }
  }

  /** Writes down what is set aside, where that changed; one write after the other. Resolves when it is done. */
  async save(): Promise<void> {
    const file = this.#file;
    const { records } = this.#served;
    const isEmpty = records.units.length + records.keys.length === 0;
    const text = isEmpty && this.#written === '' ? '' : recordsText(records);
    if (!file || text === this.#written) {
      return this.#writing;
    }
    this.#written = text;
    this.#writing = this.#writing.then(() => file.write(text)).catch((error: unknown) => this.#warn(error));
    return this.#writing;
  }

  #tell(all: readonly ToldUnit[]): void {
    const units = all.filter(({ unit, reason }) => this.#told.get(unit) !== reason);
    for (const { unit, reason } of units) {
      this.#told.set(unit, reason);
    }
    if (units.length > 0) {
      this.#emit({ kind: 'quarantined', units });
    }
  }

  #warn(error: unknown): void {
    this.#emit(failureOf('writing down what is set aside', error));
  }
}

function describeUnit({ unit, good, believed, served, reason, since }: RefusedUnit): ToldUnit {
  const keys = new Set([...believed.keys(), ...good.keys()]);
  const differing = [...keys].filter((key) => believed.get(key)?.value !== served.get(key)?.value);
  return { unit: unit.id, keys: differing.sort().slice(0, SHOWN), reason, instead: insteadOf(served), since };
}

function insteadOf(form: RefusedUnit['good']): ToldUnit['instead'] {
  return form.size === 0 ? 'nothing' : 'last good';
}

function describeKey({ key, good, reason, since }: RefusedKey): ToldUnit {
  return { unit: `key ${key}`, keys: [key], reason, instead: good === null ? 'nothing' : 'last good', since };
}
