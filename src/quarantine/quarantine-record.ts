import { type Emit, failureOf, type QuarantinedUnit as ToldUnit } from '../events.ts';
import { shorten } from '../model/shorten.ts';
import type { RefusedBy } from '../ports/judge.ts';
import type { Origin } from '../ports/origin.ts';
import type { StateFile } from '../ports/stores.ts';
import type { Refused } from '../tree/refusals.ts';
import type { ServedTree } from '../tree/served-tree.ts';
import { sameValues } from '../tree/unit.ts';
import { readRecords, recordsText } from './unit-records.ts';

/** So many keys of a unit are told. */
const SHOWN = 20;

export interface QuarantineRecordOptions {
  readonly served: Pick<ServedTree, 'refused' | 'restore'>;
  readonly emit: Emit;
  readonly file?: StateFile;
  /** Of which sources and prefixes it is: what is written of others is not used. */
  readonly origin?: Origin;
}

/** What is set aside, and is other than when it was looked at last. */
export interface LookedAt {
  /** It was not set aside, or for another reason. */
  readonly appeared: readonly Refused[];
  /** Something is as believed again, or what is believed of it changed: worth another try. */
  readonly hasMoved: boolean;
}

/** Tells of what is set aside: to the events, and to the disk. */
export class QuarantineRecord {
  readonly #options: QuarantineRecordOptions;
  /** What was told, by id. */
  #told: ReadonlyMap<string, Refused> = new Map();
  #written = '';
  #writing: Promise<void> = Promise.resolve();

  constructor(options: QuarantineRecordOptions) {
    this.#options = options;
  }

  /** Resolves when what was told is on the disk. */
  get saved(): Promise<void> {
    return this.#writing;
  }

  /** Takes over what an earlier run had set aside. A file that is not ours or broken is left alone, with a word. */
  async open(): Promise<void> {
    const { file, served, emit, origin } = this.#options;
    let text: string | null | undefined;
    try {
      text = await file?.read();
    } catch (error) {
      this.#warn(error);
    }
    const records = readRecords(text ?? '', origin);
    if (records) {
      this.#written = text ?? '';
      served.restore(records);
      this.look();
    } else if (file && text) {
      const message = `reading ${file.path}: it is not whole, or of other sources or prefixes; nothing is set aside`;
      emit({ kind: 'notice', message, hint: 'it is written anew when something is' });
    }
  }

  /** Looks at what is set aside now: tells what is other than before, and writes it down. */
  look(): LookedAt {
    const { served, emit } = this.#options;
    const [before, now] = [this.#told, new Map(served.refused.map((one) => [one.unit.id, one]))];
    this.#told = now;
    const all = [...now.values()];
    const of = ({ unit }: Refused) => before.get(unit.id);
    const appeared = all.filter((one) => of(one)?.reason !== one.reason);
    const over = [...before.keys()].filter((id) => !now.has(id));
    if (appeared.length > 0) {
      emit({ kind: 'quarantined', units: appeared.map(describe) });
    }
    if (over.length > 0) {
      emit({ kind: 'quarantine-released', units: over });
    }
    if (appeared.length + over.length > 0 || all.some((one) => of(one)?.good !== one.good)) {
      this.#save(all);
    }
    return { appeared, hasMoved: over.length > 0 || all.some((one) => hasMoved(of(one), one)) };
  }

  /** One write after the other, where it is another text. */
  #save(refused: readonly Refused[]): void {
    const { file, origin } = this.#options;
    const text = refused.length === 0 && this.#written === '' ? '' : recordsText(refused, origin);
    if (file && text !== this.#written) {
      this.#written = text;
      this.#writing = this.#writing.then(() => file.write(text)).catch((error: unknown) => this.#warn(error));
    }
  }

  #warn(error: unknown): void {
    this.#options.emit(failureOf('writing down what is set aside', error));
  }
}

/** Another value, and not only the same one written anew. */
function hasMoved(before: Refused | undefined, now: Refused): boolean {
  return (
    before !== undefined && before.believed !== now.believed && !sameValues(before.believed, now.believed)
  );
}

function local(by: RefusedBy): Pick<ToldUnit, 'local'> {
  return by === 'check' ? {} : { local: true };
}

function describe({ unit, good, believed, served, reason, by = 'check', since }: Refused): ToldUnit {
  const keys = new Set([...believed.keys(), ...good.keys()]);
  const differing = [...keys]
    .filter((key) => believed.get(key)?.value !== served.get(key)?.value)
    .sort()
    .slice(0, SHOWN);
  const forms = Object.fromEntries(
    differing.flatMap((key) => {
      const form = served.get(key);
      return form && form.refused === undefined ? [[key, shorten(form.value)]] : [];
    }),
  );
  const instead = good.size === 0 ? 'nothing' : 'last good';
  return { unit: unit.id, keys: differing, forms, reason, instead, since, ...local(by) };
}
