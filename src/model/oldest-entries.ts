import { byAge, type Entry } from './entry.ts';
import { FEW_KEYS, folderOf, type Limits, SPARE, sizeOf } from './limits.ts';

/** `Admission` lets in what the limits allow and a tenth more, and remembers `SPARE` beside it: so much, and a sign of more. */
const MOST = 1.3 + SPARE;
/** The youngest are left out each time when there are so many. */
const FULL = MOST + 0.2;

/** An entry with its bytes: they are counted once. */
interface Sized {
  readonly entry: Entry;
  readonly size: number;
}

/**
 * Of entries that come in any order those that `Admission` would not forget: the oldest, and of folders with few keys
 * the younger ones too. However many come, half as much more as the limits allow is held.
 */
export class OldestEntries {
  readonly #limits: Limits | undefined;
  #held: Sized[] = [];
  #bytes = 0;
  /** Whatever is younger has no place, but in a folder with few keys. */
  #youngest: Entry | null = null;
  /** Folders that have more than a few keys among the oldest. */
  #folders = new Set<string>();

  /** Without limits everything is held. */
  constructor(limits: Limits | undefined) {
    this.#limits = limits;
  }

  /** In any order. */
  get entries(): readonly Entry[] {
    return this.#held.map(({ entry }) => entry);
  }

  add(entry: Entry): void {
    const isYoung = this.#youngest !== null && byAge(entry, this.#youngest) > 0;
    if (isYoung && this.#folders.has(folderOf(entry.key))) {
      return;
    }
    const size = this.#limits ? sizeOf(entry) : 0;
    this.#held.push({ entry, size });
    this.#bytes += size;
    if (this.#limits && this.#isFull(this.#limits)) {
      this.#leaveOut(this.#limits);
    }
  }

  #isFull({ keys, totalBytes }: Limits): boolean {
    return this.#held.length > keys * FULL || this.#bytes > totalBytes * FULL;
  }

  #leaveOut({ keys, totalBytes }: Limits): void {
    const sorted = this.#held.sort((a, b) => byAge(a.entry, b.entry));
    const folders = new Map<string, number>();
    const held: Sized[] = [];
    const few: Sized[] = [];
    let [bytes, fewBytes] = [0, 0];
    this.#youngest = null;
    for (const one of sorted) {
      const { entry, size } = one;
      const folder = folderOf(entry.key);
      const inFolder = folders.get(folder) ?? 0;
      const share = MOST - FEW_SHARE;
      const isOld =
        this.#youngest === null && held.length < keys * share && bytes + size <= totalBytes * share;
      if (isOld) {
        held.push(one);
        bytes += size;
      } else {
        this.#youngest ??= held.at(-1)?.entry ?? entry;
        if (
          inFolder >= FEW_KEYS ||
          few.length >= keys * FEW_SHARE ||
          fewBytes + size > totalBytes * FEW_SHARE
        ) {
          continue;
        }
        few.push(one);
        fewBytes += size;
      }
      folders.set(folder, inFolder + 1);
    }
    this.#folders = new Set([...folders].flatMap(([folder, count]) => (count >= FEW_KEYS ? [folder] : [])));
    for (const one of few) {
      held.push(one);
    }
    this.#held = held;
    this.#bytes = bytes + fewBytes;
  }
}

/** Of these the share that folders with few keys have. */
const FEW_SHARE = 0.1;
