import { asError, PointsmanError } from '../errors.ts';
import { type Emit, noticeOf } from '../events.ts';
import { shorten } from '../model/shorten.ts';
import { firstLines } from '../plan/excerpt.ts';
import { BackOff } from '../ports/back-off.ts';
import { clock, rest } from '../ports/clock.ts';
import type { CrashFile } from '../ports/stores.ts';
import { runningSet } from '../rollout/current.ts';
import type { CurrentState } from '../rollout/current-state.ts';
import type { ServedTree } from '../tree/served-tree.ts';

/** What is told of what threw, and kept. */
export interface CrashesOptions {
  readonly emit: Emit;
  readonly served: Pick<ServedTree, 'catalog'>;
  readonly current: CurrentState;
  /** Where the input is kept for a report. */
  readonly crashFile?: CrashFile;
}

/** Of so many different crashes the input is kept, each in the place of the one before. */
const MOST_KEPT = 20;

/** So much of a stack is told. */
const STACK_LINES = 30;
/** By so many of them it is told apart from others. */
const ALIKE_LINES = 7;
const MOST_TEXT = 4000;

/**
 * A part of the loop that threw what is a bug: it is told with its stack, its input is kept, and it is tried again
 * with growing pauses, while everything else goes on. Out of memory is excepted: there the process ends.
 */
export class Crashes {
  readonly #options: CrashesOptions;
  /** Where the input is kept, by stack. */
  readonly #kept = new Map<string, string | null>();

  constructor(options: CrashesOptions) {
    this.#options = options;
  }

  /** Tells it (what is expected, and escaped, as a notice), and keeps the input of the first of several that are alike. Never throws. */
  async tell(where: string, thrown: unknown, retryInMs: number | null = null): Promise<void> {
    const { emit } = this.#options;
    const error = asError(thrown);
    if (error instanceof PointsmanError) {
      emit({ ...noticeOf(error), message: `${where}: ${error.message}` });
      return;
    }
    const stack = firstLines(error.stack ?? '', STACK_LINES).slice(0, MOST_TEXT);
    // Which of Node's own functions a promise was resumed by says nothing, and takes room of what waited for it.
    const alike = stack
      .replace(/^ +at .*\(node:internal.*$\n?/gm, '')
      .split('\n', ALIKE_LINES)
      .join('\n');
    if (!this.#kept.has(alike) && this.#kept.size < MOST_KEPT) {
      this.#kept.set(alike, await this.#keep(where, stack));
    }
    const report = this.#kept.get(alike) ?? null;
    emit({ kind: 'part-failed', where, message: shorten(String(error), 500), stack, report, retryInMs });
  }

  /** Does `work` until `signal` aborts or it ends by itself; after it threw it begins anew, with growing pauses. */
  async keepGoing(
    where: string,
    work: (signal: AbortSignal) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    const retry = new BackOff();
    while (!signal.aborted) {
      const begun = clock.now();
      try {
        await work(signal);
        return;
      } catch (error) {
        // Whatever waits rejects when it is told to stop: that is no failure.
        if (signal.aborted) {
          return;
        }
        if (clock.now() - begun > STEADY) {
          retry.succeeded();
        }
        const pause = retry.failed();
        await this.tell(where, error, pause);
        await rest(pause, signal);
      }
    }
  }

  async #keep(where: string, stack: string): Promise<string | null> {
    const { crashFile, served, current } = this.#options;
    try {
      const running = runningSet(current.now)?.text ?? null;
      const installedText = current.now.installed?.text ?? null;
      const keys = [...served.catalog.tree];
      return (await crashFile?.keep({ where, stack, keys, running, installedText })) ?? null;
    } catch {
      return null;
    }
  }
}

/** Milliseconds after which what ran well until then begins with short pauses again. */
const STEADY = 120_000;
