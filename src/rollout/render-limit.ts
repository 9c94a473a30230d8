import { createContext, Script } from 'node:vm';
import { clock } from '../ports/clock.ts';
import { Fault } from '../render/site.ts';

/** How long a piece of work may take, and what to say where it takes longer. */
export interface TimeLimit {
  readonly ms: number;
  readonly words: string;
  readonly hint: string;
}

/** A test of a search may take so many times what the last good text took, as the tree has grown since. */
const TIMES = 10;
/** But it may always take this share of the whole limit. */
const LEAST = 0.1;

/** How long a rendering may take: the setting, and much less where the text of nearly the same keys took less. */
export class RenderLimit {
  readonly #ms: number | undefined;
  /** Milliseconds a key. */
  #last = Number.POSITIVE_INFINITY;
  #good = Number.POSITIVE_INFINITY;

  constructor(ms: number | undefined) {
    this.#ms = ms;
  }

  /** Of the text that is to go out. */
  get whole(): TimeLimit | undefined {
    return this.#ms === undefined ? undefined : limitOf(this.#ms, this.#ms);
  }

  /** Of a text with so many keys that a search tests: it makes many of them. */
  ofTest(keys: number): TimeLimit | undefined {
    if (this.#ms === undefined) {
      return undefined;
    }
    const expected = TIMES * this.#good * (keys + 1);
    return limitOf(Math.min(this.#ms, Math.max(LEAST * this.#ms, expected)), this.#ms);
  }

  /** Notes how long a rendering with so many keys takes. */
  async measure<T>(keys: number, render: () => Promise<T>): Promise<T> {
    const start = clock.now();
    const result = await render();
    this.#last = (clock.now() - start) / (keys + 1);
    return result;
  }

  /** The text that was measured last is good. */
  accepted(): void {
    this.#good = this.#last;
  }
}

function limitOf(ms: number, whole: number): TimeLimit {
  const than = ms < whole ? `${TIMES} times what the last good text took` : words(whole);
  return {
    ms,
    words: `rendering takes longer than ${than} (limits.render is ${words(whole)})`,
    hint: 'a value that makes a loop, a filter or a pattern run long? Where the text is that large, raise limits.render',
  };
}

function words(ms: number): string {
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`;
}

const context = createContext({ work: null });
const script = new Script('work()', { filename: 'time-limit' });

/**
 * Does work that waits for nothing, and ends it in the middle where it takes too long. What was not given the
 * processor (a machine with more to do than it can) is tried once more, for twice as long. Throws a `Fault`.
 */
export async function withinTime(limit: TimeLimit, work: () => string): Promise<string> {
  for (const factor of [1, 2]) {
    const before = process.cpuUsage();
    try {
      return runFor(limit.ms * factor, work);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') {
        throw error;
      }
      const { user, system } = process.cpuUsage(before);
      if ((user + system) / 1000 > limit.ms / 2) {
        break;
      }
    }
    await clock.breathe();
  }
  throw new Fault(limit.words, limit.hint);
}

function runFor(ms: number, work: () => string): string {
  context.work = work;
  try {
    return script.runInContext(context, { timeout: Math.max(1, Math.ceil(ms)) }) as string;
  } finally {
    context.work = null;
  }
}
