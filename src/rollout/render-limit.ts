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

/**
 * How long a rendering may take: `whole` milliseconds, the setting. A text that a search tests has much less where the
 * last good text of as many keys took only `good`: it makes many of them.
 */
export function limitOf(whole: number, good: number = Number.POSITIVE_INFINITY): TimeLimit {
  const ms = Math.min(whole, Math.max(LEAST * whole, TIMES * good));
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
