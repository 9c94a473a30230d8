import { asError, PointsmanError } from '../errors.ts';
import { type Emit, failureOf, noticeOf, type PassEvent, type PointsmanEvent } from '../events.ts';
import { BackOff } from '../ports/back-off.ts';
import { clock, rest } from '../ports/clock.ts';
import type { PassLedger, PassTexts } from '../ports/ledger.ts';
import { type Draft, type LedgerLimits, SegmentWriter } from './segment-writer.ts';
import { isIdle, isTold, type Said, Words } from './told.ts';

export interface LedgerOptions {
  readonly stateDir: string;
  /** The path of the file that is published. */
  readonly file: string;
  readonly emit: Emit;
  /** Who is named where no key brought a pass, and nobody else asked for it. */
  readonly by?: string;
  readonly limits?: LedgerLimits;
}

/** So many passes wait to be written at most, with so many characters of their texts: the oldest go. */
const MOST_WAITING = 32;
const MOST_TEXT = 32_000_000;
/** Milliseconds between two tries to write, at most. */
const LONGEST_REST = 10_000;
/** Milliseconds that the end of the daemon waits for what is not written yet. */
const END_MS = 1000;
const NO_TEXTS: PassTexts = { before: null, wanted: null, services: [], rollback: null };

/**
 * Writes down what passes did, beside them: a pass hands its texts over and goes on. What cannot be written waits, and is
 * dropped and counted where it is too much. Whoever opens this has the lock of the state folder.
 */
export class Ledger implements PassLedger, AsyncDisposable {
  readonly #options: LedgerOptions;
  readonly #writer: SegmentWriter;
  readonly #words = new Words();
  readonly #waiting: Draft[] = [];
  readonly #retry = new BackOff({ longest: LONGEST_REST });
  readonly #end = new AbortController();
  #texts: PassTexts | null = null;
  /** What the last entry said: the same once more is not told. */
  #last = '';
  /** Passes that are not in it: since the last entry, and since it was told that they are not. */
  #dropped = 0;
  #untold = 0;
  /** Why nothing can be written, as it was told; null where it can. */
  #failure: string | null = null;
  #work: Promise<void> | null = null;
  #newest: number | null = null;

  constructor(options: LedgerOptions) {
    this.#options = options;
    this.#writer = new SegmentWriter(options.stateDir, options.limits);
  }

  /** The number of the entry that was written last; null where this one wrote none yet. */
  get newest(): number | null {
    return this.#newest;
  }

  note(texts: PassTexts): void {
    this.#texts = texts;
  }

  /** Follows what happens. */
  readonly listener = (event: PointsmanEvent): void => {
    this.#words.take(event);
    if (event.kind !== 'pass') {
      return;
    }
    if (isIdle(event) && !this.#words.isPause) {
      // What is said meanwhile is for the pass that goes on.
      this.#texts = null;
    } else {
      this.#passed(event, this.#words.taken());
    }
  };

  #passed(event: PassEvent, said: Said): void {
    // What waits for a person has changed nothing.
    const texts = isIdle(event) ? NO_TEXTS : (this.#texts ?? NO_TEXTS);
    this.#texts = null;
    const all = JSON.stringify([event.outcome, event.error, event.hashes.text, event.applied, said.words]);
    if (!isTold(event, said) || (event.error !== null && all === this.#last)) {
      return;
    }
    this.#last = all;
    this.#waiting.push({
      entry: entryOf(event, { ...said, ...texts, by: said.by ?? this.#options.by ?? null }),
      before: texts.before,
      wanted: texts.wanted,
      file: this.#options.file,
    });
    this.#drop();
    this.#work ??= this.#write();
  }

  #drop(): void {
    let chars = 0;
    const from = this.#waiting.findLastIndex((one, at) => {
      chars += one.wanted?.length ?? 0;
      const isLast = at === this.#waiting.length - 1;
      return !isLast && (chars > MOST_TEXT || this.#waiting.length - at > MOST_WAITING);
    });
    this.#dropped += this.#waiting.splice(0, from + 1).length;
  }

  async #write(): Promise<void> {
    // A pass that has just ended is not held up by it.
    await clock.breathe();
    for (let draft = this.#waiting[0]; draft; draft = this.#waiting[0]) {
      const dropped = this.#dropped;
      try {
        this.#newest = await this.#writer.append({ ...draft, entry: { ...draft.entry, dropped } });
      } catch (error) {
        if (!(error instanceof PointsmanError)) {
          this.#skip(draft, error);
          continue;
        }
        this.#failed(error);
        if (this.#end.signal.aborted) {
          break;
        }
        await rest(this.#retry.failed(), this.#end.signal);
        continue;
      }
      this.#dropped -= dropped;
      this.#untold += dropped;
      this.#mended();
      if (this.#waiting[0] === draft) {
        this.#waiting.shift();
      }
    }
    this.#work = null;
  }

  /** A bug with one of them is none with the next. */
  #skip(draft: Draft, error: unknown): void {
    if (this.#waiting[0] === draft) {
      this.#waiting.shift();
      this.#dropped++;
    }
    this.#options.emit(failureOf('writing the ledger', asError(error)));
  }

  #failed(error: PointsmanError): void {
    const why = noticeOf(error);
    if (this.#failure !== why.message) {
      this.#failure = why.message;
      this.#options.emit({ ...why, kind: 'ledger-failed' });
    }
  }

  #mended(): void {
    this.#retry.succeeded();
    if (this.#failure !== null) {
      this.#failure = null;
      this.#options.emit({ kind: 'ledger-mended', dropped: this.#untold });
    }
    this.#untold = 0;
  }

  /** Resolves when everything so far is written. */
  async idle(): Promise<void> {
    await this.#work;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const timeout = rest(END_MS, this.#end.signal);
    await Promise.race([this.#work, timeout]);
    this.#end.abort();
    const lost = this.#waiting.length + this.#dropped;
    if (lost > 0) {
      const message = `ending: ${lost === 1 ? 'one pass is' : `${lost} passes are`} not in the ledger`;
      this.#options.emit({ kind: 'notice', message, hint: 'The log has what they did.' });
    }
  }
}

type Beside = Pick<PassTexts, 'services' | 'rollback'> & Pick<Said, 'words' | 'by'>;

function entryOf(event: PassEvent, { words, by, services, rollback }: Beside): Draft['entry'] {
  const asked = rollback?.by ?? by;
  const { outcome, came, changes, triggers, reasons, error, ms, steps } = event;
  return {
    time: new Date(clock.date()).toISOString(),
    outcome,
    revision: came.revision,
    keys: came.keys,
    keyCount: came.count,
    by: asked !== null && came.count === 0 ? [asked] : came.by,
    services,
    changes,
    triggers,
    reasons,
    words,
    error,
    ms,
    steps,
    rollback: rollback?.number ?? null,
    dropped: 0,
  };
}
