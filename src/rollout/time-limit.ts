import { createContext, Script } from 'node:vm';
import { clock } from '../ports/clock.ts';
import { Fault } from '../render/site.ts';

/** How long a piece of work may take, and what to say where it takes longer. */
export interface TimeLimit {
  readonly ms: number;
  readonly words: string;
  readonly hint: string;
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
