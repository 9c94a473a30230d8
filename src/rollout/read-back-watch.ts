import type { Emit } from '../events.ts';
import { expectedServers } from '../plan/expected-servers.ts';
import { rest } from '../ports/clock.ts';
import type { ExpectedServers, Runtime } from '../ports/runtime.ts';
import type { Wake } from '../ports/wake.ts';
import { type CurrentState, runningSet, workerOf } from './current.ts';
import { distrusting } from './worker-trust.ts';

export interface ReadBackWatchOptions {
  readonly runtime: Pick<Runtime, 'readBackAll'>;
  readonly current: CurrentState;
  readonly mailbox: Wake;
  readonly emit: Emit;
  /** `apply.readBack`: milliseconds between two looks. @default 1 min */
  readonly readBack?: number;
}

/** Milliseconds after which what looks wrong is looked at again: it may have been in the middle of a change. */
const SECOND_LOOK = 500;

/**
 * Now and then compares all of HAProxy's servers with the text that it runs: whether they are there, and where they
 * point. Their weights and states are left alone: a person may have set them. Where they differ the worker is not
 * trusted any more, so that the file is loaded anew.
 */
export class ReadBackWatch {
  readonly #options: ReadBackWatchOptions;
  /** Of the text that was looked at last: most looks are at the same one. */
  #expected: { readonly text: string; readonly servers: ExpectedServers } | null = null;

  constructor(options: ReadBackWatchOptions) {
    this.#options = options;
  }

  /** Looks until `signal` aborts. */
  async follow(signal: AbortSignal): Promise<void> {
    const { readBack = 60_000 } = this.#options;
    for (;;) {
      await rest(readBack, signal);
      signal.throwIfAborted();
      const before = await this.#look(signal);
      if (!before) {
        continue;
      }
      await rest(Math.min(SECOND_LOOK, readBack), signal);
      signal.throwIfAborted();
      const after = await this.#look(signal);
      if (after && after.pid === before.pid && after.text === before.text) {
        this.#distrust(after);
      }
    }
  }

  async #look(signal: AbortSignal): Promise<Drifted | null> {
    const { runtime, current } = this.#options;
    const [text, pid] = [runningSet(current.now)?.text ?? null, workerOf(current.now)];
    if (text === null || pid === null) {
      return null;
    }
    if (this.#expected?.text !== text) {
      this.#expected = { text, servers: expectedServers(text) };
    }
    const { servers } = this.#expected;
    const found = await runtime.readBackAll({ pid, servers }, signal);
    const isSame = runningSet(current.now)?.text === text && workerOf(current.now) === pid;
    if (found.kind !== 'differs' || !isSame) {
      return null;
    }
    return { text, pid, differences: found.differences };
  }

  #distrust({ pid, differences }: Drifted): void {
    const { current, mailbox, emit } = this.#options;
    const [first = ''] = differences;
    emit({ kind: 'servers-drifted', differences: differences.slice(0, 5), count: differences.length });
    const why = `its servers are not those of the text that it runs (${first})`;
    current.replace((now) => ({ ...now, trust: distrusting(now.trust, pid, why) }));
    mailbox.post("HAProxy's servers differ from its configuration");
  }
}

interface Drifted {
  readonly text: string;
  readonly pid: number;
  readonly differences: readonly string[];
}
