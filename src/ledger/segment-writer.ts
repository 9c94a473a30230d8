import { mkdir, open, readFile, rm, stat, truncate } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { nextPicture, type Picture, takePicture } from '../plan/picture.ts';
import { explainFileError } from '../system/file-error.ts';
import {
  hashOfText,
  LEDGER_FOLDER,
  LEDGER_VERSION,
  numberIn,
  readLine,
  type StoredChange,
  type StoredEntry,
  segmentName,
  writeLine,
} from './lines.ts';
import { areNewer, linesIn, MOST_ENTRIES, segmentsIn } from './read-ledger.ts';
import { diffTexts } from './text-diff.ts';

const pack = promisify(gzip);

/** How large it grows. */
export interface LedgerLimits {
  /** Entries of a segment. @default 100 */
  readonly entries?: number;
  /** Bytes of a segment, after which another one begins. @default 4 MiB */
  readonly segmentBytes?: number;
  /** Bytes of all segments. @default 64 MB */
  readonly bytes?: number;
  /** Of a text or a diff that is packed: a larger one is not kept, and its entry stands without. @default 4 MB */
  readonly packed?: number;
}

/** Longer diffs are packed. */
const LONG = 4096;
const DEFAULTS: Required<LedgerLimits> = {
  entries: 100,
  segmentBytes: 4 << 20,
  bytes: 64_000_000,
  packed: 4_000_000,
};

/** An entry that has no number yet, and its texts. */
export interface Draft {
  readonly entry: Omit<StoredEntry, 'number' | 'hash' | 'before' | 'files'>;
  readonly before: string | null;
  readonly wanted: string | null;
  /** The path of the file that the texts are of. */
  readonly file: string;
}

/**
 * Appends entries to the segments of a state folder. There is one of it: whoever has it has the lock of the folder. A
 * segment begins with what its texts are made from, so that the oldest one can go.
 */
export class SegmentWriter {
  readonly #folder: string;
  readonly #limits: Required<LedgerLimits>;
  /** The segment that is written; null where another one is to be begun. */
  #segment: { readonly first: number; readonly file: string; entries: number; bytes: number } | null = null;
  /** The texts that can be made of the segment, by their hashes. */
  readonly #known = new Set<string>();
  #picture: Picture | null = null;
  /** What an entry wanted is mostly what the next one is from. */
  #hashed: { readonly text: string; readonly hash: string } | null = null;
  /** Null before the folder was looked at; then it only grows, whatever becomes of the folder. */
  #next: number | null = null;

  constructor(stateDir: string, limits: LedgerLimits = {}) {
    this.#folder = path.join(stateDir, LEDGER_FOLDER);
    this.#limits = { ...DEFAULTS, ...limits };
  }

  /** Gives its number. Throws a `SystemError`: then nothing of it counts, and the number is still to come. */
  async append(draft: Draft): Promise<number> {
    const attempt: Attempt = { isOpen: false };
    try {
      return await this.#append(draft, attempt);
    } catch (error) {
      await this.#takeBack(attempt);
      throw explainFileError(error, `writing the ledger in ${this.#folder}`);
    }
  }

  async #append(draft: Draft, attempt: Attempt): Promise<number> {
    await this.#open();
    await this.#rotate();
    const number = this.#next ?? 1;
    const { lines, made } = await this.#linesOf(draft, number);
    const segment = this.#segment ?? (await this.#begin(number));
    const isNew = segment.bytes === 0;
    const text = [...(isNew ? [writeLine({ version: LEDGER_VERSION })] : []), ...lines].join('');
    await write(segment.file, text, attempt);
    segment.bytes += Buffer.byteLength(text);
    segment.entries++;
    this.#next = number + 1;
    made.forEach((hash) => void this.#known.add(hash));
    return number;
  }

  /** What was half written is taken off again. Where it cannot be, another segment goes on, and its number may be used up. */
  async #takeBack({ isOpen }: Attempt): Promise<void> {
    const segment = this.#segment;
    if (!segment) {
      return;
    }
    try {
      await truncate(segment.file, segment.bytes);
    } catch {
      this.#segment = null;
      this.#known.clear();
      if (isOpen) {
        this.#next = (this.#next ?? 0) + 1;
      }
    }
  }

  /** Looks once at what a run of before left. */
  async #open(): Promise<void> {
    if (this.#next !== null) {
      return;
    }
    const first = (await segmentsIn(this.#folder)).at(-1);
    if (first === undefined) {
      this.#next = 1;
      return;
    }
    const lines = await linesIn(this.#folder, first);
    this.#next = lines.reduce((next, line) => Math.max(next, numberIn(line) + 1), first);
    const file = path.join(this.#folder, segmentName(first));
    for (const text of lines) {
      const line = readLine(text);
      const hash =
        line && 'base' in line ? line.base : line && 'number' in line ? madeBy(line, this.#known) : null;
      if (hash !== null) {
        this.#known.add(hash);
      }
    }
    if (areNewer(lines)) {
      // It is left as it is; where its numbers cannot be read, it has no more than a segment has.
      this.#next = this.#next > first ? this.#next : first + this.#limits.entries;
      this.#known.clear();
    } else {
      // A line that was not written to its end was never there.
      const bytes = (await readFile(file)).lastIndexOf('\n') + 1;
      await truncate(file, bytes);
      this.#segment = { first, file, entries: this.#next - first, bytes };
    }
  }

  /** A segment that is full, or that somebody has removed, is followed by another one; the oldest go. */
  async #rotate(): Promise<void> {
    const { entries, segmentBytes, bytes, packed } = this.#limits;
    const segment = this.#segment;
    if (segment && segment.entries < entries && segment.bytes < segmentBytes) {
      const { size } = await stat(segment.file).catch(() => ({ size: -1 }));
      if (size >= segment.bytes) {
        return;
      }
    }
    this.#segment = null;
    this.#known.clear();
    const firsts = [...(await segmentsIn(this.#folder))];
    const sizes = await Promise.all(
      firsts.map(async (first) => (await stat(path.join(this.#folder, segmentName(first)))).size),
    );
    let total = sizes.reduce((sum, size) => sum + size, 0);
    // The next segment may be full, and then take one more entry.
    const most = bytes - segmentBytes - 2 * packed;
    while (firsts.length > 0) {
      const second = firsts[1] ?? this.#next ?? 1;
      const isEnough = (this.#next ?? 1) - second >= MOST_ENTRIES - 1;
      if (!isEnough && total <= most) {
        return;
      }
      await rm(path.join(this.#folder, segmentName(firsts.shift() ?? 0)), { force: true });
      total -= sizes.shift() ?? 0;
    }
  }

  async #begin(first: number) {
    await mkdir(this.#folder, { recursive: true, mode: 0o750 });
    const file = path.join(this.#folder, segmentName(first));
    this.#segment = { first, file, entries: 0, bytes: 0 };
    return this.#segment;
  }

  /** The lines of an entry, and the texts that can be made of them. */
  async #linesOf({ entry, before, wanted, file }: Draft, number: number) {
    const bare = (hash: string | null) => ({
      lines: [writeLine({ number, ...entry, hash, before: null, files: [] })],
      made: [],
    });
    if (wanted === null) {
      return bare(null);
    }
    const from = before ?? '';
    const base = this.#hashOf(from);
    const hash = this.#hashOf(wanted);
    const lines: string[] = [];
    if (!this.#known.has(base)) {
      const gz = (await pack(from)).toString('base64');
      if (gz.length > this.#limits.packed) {
        return bare(hash);
      }
      lines.push(writeLine({ base, gz }));
    }
    const change = hash === base ? null : await this.#changeOf(from, wanted, file);
    if (change && 'gz' in change && change.gz.length > this.#limits.packed) {
      return bare(hash);
    }
    lines.push(writeLine({ number, ...entry, hash, before: base, files: change ? [change] : [] }));
    return { lines, made: [base, hash] };
  }

  #hashOf(text: string): string {
    if (this.#hashed?.text !== text) {
      this.#hashed = { text, hash: hashOfText(text) };
    }
    return this.#hashed.hash;
  }

  async #changeOf(from: string, to: string, name: string): Promise<StoredChange> {
    const old = this.#picture?.text === from ? this.#picture : takePicture(from);
    const step = nextPicture(old, to);
    this.#picture = step.next;
    const { diff, added, removed } = await diffTexts(old, step);
    return diff.length <= LONG
      ? { name, added, removed, diff }
      : { name, added, removed, gz: (await pack(diff)).toString('base64') };
  }
}

function madeBy({ hash, before }: StoredEntry, known: ReadonlySet<string>): string | null {
  return before !== null && known.has(before) ? hash : null;
}

interface Attempt {
  /** Something of it may be in the file. */
  isOpen: boolean;
}

/** On the disk when this is done. */
async function write(file: string, text: string, attempt: Attempt): Promise<void> {
  await using handle = await open(file, 'a', 0o640);
  attempt.isOpen = true;
  await handle.appendFile(text);
  await handle.datasync();
}
