import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { pageDiff, wholePage } from './page-diff.ts';
import type { PageView } from './page-view.ts';

/** What bounds the feed; times in milliseconds. */
export interface FeedLimits {
  /** From something that happened to the look at what is shown: what happens meanwhile goes with it. */
  readonly quiet: number;
  /** Between two looks where nothing happened: HAProxy tells of no server that goes down. */
  readonly every: number;
  /** Between two signs of life. */
  readonly beat: number;
  /** For a reader, until it has what was sent. */
  readonly unread: number;
  /** For a reader at all: it comes again by itself. */
  readonly life: number;
  /** So many changes are remembered, for readers that come again. */
  readonly remembered: number;
  /** How long what was shown last is remembered where nobody reads. */
  readonly unwatched: number;
}

/** The limits of the status server's feed. */
export const FEED_LIMITS: FeedLimits = {
  quiet: 100,
  every: 2_000,
  beat: 10_000,
  unread: 20_000,
  life: 3_600_000,
  remembered: 64,
  unwatched: 60_000,
};

/** After a look it rests for so many times as long: what is shown may never take more than a tenth of the daemon's time. */
const REST = 9;

export interface FeedOptions {
  /** What is shown now. It is asked only while somebody reads. */
  readonly view: () => Promise<PageView>;
  /** Calls its listener whenever something happened, until the returned function is called. */
  readonly subscribe: (listener: () => void) => () => void;
  /** Told once when the view cannot be made, until it can again; what was shown stays. */
  readonly failed: (error: unknown) => void;
  readonly now: () => number;
  /** @default FEED_LIMITS */
  readonly limits?: FeedLimits;
}

/** Who reads, and what it has. */
interface Reader {
  readonly answer: ServerResponse;
  /** The number of the last change that it has; -1 for none. */
  has: number;
  /** Ends it where it does not read what was sent; null where it has read that. */
  unread: NodeJS.Timeout | null;
}

interface Change {
  readonly number: number;
  readonly text: string;
}

/**
 * Server-sent events of what the page shows: all of it for a new reader, then what changed. With nobody who reads it
 * listens to nothing and looks at nothing. A reader is sent nothing more before it has what was sent, and then all that it
 * missed at once: so what waits in memory for a slow one is one message.
 */
export class Feed implements Disposable {
  readonly #options: FeedOptions;
  readonly #limits: FeedLimits;
  /** Numbers of another life of the daemon are not ours. */
  readonly #life = randomBytes(4).toString('hex');
  readonly #readers = new Set<Reader>();
  readonly #changes: Change[] = [];
  #number = 0;
  #view: PageView | null = null;
  #stop: (() => void) | null = null;
  #forget: NodeJS.Timeout | null = null;
  #due: NodeJS.Timeout | null = null;
  /** Before this (`performance.now()`) nothing is looked at again. */
  #notBefore = 0;
  #isFailing = false;
  #looking: Promise<void> | null = null;

  constructor(options: FeedOptions) {
    this.#options = options;
    this.#limits = options.limits ?? FEED_LIMITS;
  }

  /** How many read. */
  get readers(): number {
    return this.#readers.size;
  }

  /** Sends all of what is now to this answer, and ends it. */
  async tell(answer: ServerResponse, greeting: object): Promise<void> {
    answer.on('error', () => answer.destroy());
    this.#keep();
    await this.#look();
    answer.end(`${hello(greeting)}${this.#view ? this.#event('all', wholePage(this.#view)) : ''}`);
  }

  /**
   * Sends events to this answer until it closes. `lastId` is the id of the last event that this reader had, on a connection
   * before; `greeting` goes first.
   */
  async join(answer: ServerResponse, lastId: string, greeting: object): Promise<void> {
    const reader: Reader = { answer, has: this.#numberOf(lastId), unread: null };
    const end = setTimeout(() => answer.end(), this.#limits.life);
    end.unref();
    this.#readers.add(reader);
    answer.once('close', () => {
      clearTimeout(end);
      clearTimeout(reader.unread ?? undefined);
      this.#readers.delete(reader);
      if (this.#readers.size === 0) {
        this.#rest();
      }
    });
    answer.on('error', () => answer.destroy());
    this.#write(reader, hello(greeting));
    this.#watch();
    await this.#look();
    this.#bring(reader);
  }

  [Symbol.dispose](): void {
    for (const { answer } of this.#readers) {
      answer.destroy();
    }
    this.#rest();
    clearTimeout(this.#forget ?? undefined);
  }

  #numberOf(id: string): number {
    const [life, number] = id.split('-');
    return life === this.#life && number !== undefined && /^\d{1,15}$/.test(number) ? Number(number) : -1;
  }

  #watch(): void {
    clearTimeout(this.#forget ?? undefined);
    if (this.#stop) {
      return;
    }
    const end = this.#options.subscribe(() => this.#soon());
    const beat = setInterval(() => this.#beat(), this.#limits.beat);
    const every = setInterval(() => this.#soon(), this.#limits.every);
    this.#stop = () => {
      end();
      clearInterval(beat);
      clearInterval(every);
      clearTimeout(this.#due ?? undefined);
      this.#due = null;
    };
  }

  #rest(): void {
    this.#stop?.();
    this.#stop = null;
    this.#keep();
  }

  /** Where nobody follows, what was shown last is remembered for a while. */
  #keep(): void {
    clearTimeout(this.#forget ?? undefined);
    if (this.#stop) {
      return;
    }
    this.#forget = setTimeout(() => {
      this.#view = null;
      this.#changes.length = 0;
    }, this.#limits.unwatched);
    this.#forget.unref();
  }

  #soon(): void {
    const wait = Math.max(this.#limits.quiet, this.#notBefore - performance.now());
    this.#due ??= setTimeout(() => {
      this.#due = null;
      void this.#look();
    }, wait);
  }

  /** One look at a time; whoever asks meanwhile gets what that one sees, or the next. */
  async #look(): Promise<void> {
    await this.#looking;
    this.#looking ??= this.#see().finally(() => {
      this.#looking = null;
    });
    await this.#looking;
  }

  async #see(): Promise<void> {
    const begun = performance.now();
    const after = await this.#options.view().catch((error: unknown) => {
      if (!this.#isFailing) {
        this.#options.failed(error);
      }
      return null;
    });
    this.#isFailing = after === null;
    const ended = performance.now();
    this.#notBefore = ended + (ended - begun) * REST;
    if (after === null) {
      return;
    }
    const change = this.#view && pageDiff(this.#view, after);
    if (this.#view && change === null) {
      return;
    }
    this.#view = after;
    this.#number += 1;
    if (change === null) {
      this.#changes.length = 0;
    } else {
      this.#changes.push({ number: this.#number, text: this.#event('patch', change) });
      this.#changes.splice(0, this.#changes.length - this.#limits.remembered);
    }
    for (const reader of this.#readers) {
      this.#bring(reader);
    }
  }

  /** Sends what this reader does not have, where it has read what was sent before. */
  #bring(reader: Reader): void {
    const missing = this.#number - reader.has;
    if (!this.#view || missing === 0 || reader.unread) {
      return;
    }
    const known = this.#changes.slice(-missing);
    const isKnown = reader.has >= 0 && missing > 0 && known.length === missing;
    reader.has = this.#number;
    this.#write(
      reader,
      isKnown ? known.map(({ text }) => text).join('') : this.#event('all', wholePage(this.#view)),
    );
  }

  #beat(): void {
    for (const reader of this.#readers) {
      if (!reader.unread) {
        this.#write(reader, `event: alive\ndata: ${Math.round(this.#options.now())}\n\n`);
      }
    }
  }

  #event(name: string, data: string): string {
    return `id: ${this.#life}-${this.#number}\nevent: ${name}\ndata: ${data}\n\n`;
  }

  #write(reader: Reader, text: string): void {
    const { answer } = reader;
    if (answer.destroyed || answer.write(text)) {
      return;
    }
    reader.unread ??= setTimeout(() => answer.destroy(), this.#limits.unread);
    answer.once('drain', () => {
      clearTimeout(reader.unread ?? undefined);
      reader.unread = null;
      this.#bring(reader);
    });
  }
}

function hello(greeting: object): string {
  return `retry: 2000\nevent: hello\ndata: ${JSON.stringify(greeting)}\n\n`;
}
