import { expectedServers } from '../plan/expected-servers.ts';
import { rest } from '../ports/clock.ts';
import type { ExpectedServers, Runtime } from '../ports/runtime.ts';
import { runningSet, withDoubt, workerOf } from './current.ts';
import type { Following } from './current-state.ts';

export interface ReadBackWatchOptions extends Following {
  readonly runtime: Pick<Runtime, 'readBackAll'>;

  /** `apply.readBack`: milliseconds between two looks. @default 1 min */
  readonly readBack?: number;
}

/** Milliseconds after which what looks wrong is looked at again: it may have been in the middle of a change. */
const SECOND_LOOK = 500;

interface Drifted {
  readonly text: string;
  readonly pid: number;
  readonly differences: readonly string[];
}

/**
 * Now and then compares all of HAProxy's servers with the text that it runs: whether they are there, and where they
 * point. Their weights and states are left alone: a person may have set them. Where they differ the worker is not
 * trusted any more, so that the file is loaded anew. Runs until `signal` aborts, and rejects then.
 */
export async function watchServers(options: ReadBackWatchOptions, signal: AbortSignal): Promise<never> {
  const { readBack = 60_000 } = options;
  const look = lookAt(options, signal);
  let before: Drifted | null = null;
  for (;;) {
    await rest(before ? Math.min(SECOND_LOOK, readBack) : readBack, signal);
    signal.throwIfAborted();
    const found = await look();
    if (before && found?.pid === before.pid && found.text === before.text) {
      distrust(found, options);
    }
    before = before ? null : found;
  }
}

/** One look at the servers; null where they are right, or nobody can say. */
function lookAt({ runtime, current }: ReadBackWatchOptions, signal: AbortSignal) {
  // Of the text that was looked at last: most looks are at the same one.
  let expected: { readonly text: string; readonly servers: ExpectedServers } | null = null;
  const seen = () => ({ text: runningSet(current.now)?.text ?? null, pid: workerOf(current.now) });
  return async (): Promise<Drifted | null> => {
    const { text, pid } = seen();
    if (text === null || pid === null) {
      return null;
    }
    if (expected?.text !== text) {
      expected = { text, servers: expectedServers(text) };
    }
    const found = await runtime.readBackAll({ pid, servers: expected.servers }, signal);
    const now = seen();
    const isSame = now.text === text && now.pid === pid;
    return found.kind === 'differs' && isSame ? { text, pid, differences: found.differences } : null;
  };
}

function distrust({ pid, differences }: Drifted, { current, mailbox, emit }: ReadBackWatchOptions): void {
  const [first = ''] = differences;
  emit({ kind: 'servers-drifted', differences: differences.slice(0, 5), count: differences.length });
  const why = `its servers are not those of the text that it runs (${first})`;
  current.replace((now) => withDoubt(now, pid, why));
  mailbox.post("HAProxy's servers differ from its configuration");
}
