import { clock, rest } from '../ports/clock.ts';
import type { Source } from '../ports/source.ts';
import type { RollbackWish } from '../ports/stores.ts';
import type { Templates } from '../ports/templates.ts';
import { runningSet } from '../rollout/current.ts';
import type { DrawingSettings } from '../rollout/drawing.ts';
import { watchHaproxy } from '../rollout/haproxy-watch.ts';
import { watchServers } from '../rollout/read-back-watch.ts';
import type { TreeSettings } from '../tree/trees.ts';
import { waitForSources, watchGuard } from './guard-watch.ts';
import type { Mail } from './mailbox.ts';
import { watchMends } from './mend-watch.ts';
import type { PaceOptions } from './pace.ts';
import { type Parts, type PartsOptions, partsOf } from './parts.ts';
import { Passes } from './passes.ts';
import type { RollbackHold } from './rollback-hold.ts';
import { followSource } from './source-follower.ts';
import { followTemplates } from './template-follower.ts';
import { type TriedRollback, tryRollback } from './try-rollback.ts';
import { TURN_MS, type Turns } from './turns.ts';

/** Everything the loop works with. */
export interface ReconcilerOptions extends PartsOptions {
  readonly source: Source;
  readonly templates: Templates;
}

/** What of the settings may change while it runs. */
export interface LiveOptions extends TreeSettings, DrawingSettings {
  readonly pace?: PaceOptions;
}

/**
 * The loop: whatever happens says "look again", and each pass reads the whole, so that the last state always
 * wins. Beside it everything that can happen is followed.
 */
export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #parts: Parts;
  readonly #passes: Passes;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#parts = partsOf(options);
    this.#passes = new Passes(this.#parts);
  }

  /** When the loop last turned, and what it is at work on for too long. */
  get turns(): Turns {
    return this.#parts.turns;
  }

  /** The rollback that holds; undefined where none can. */
  get rollback(): RollbackHold | undefined {
    return this.#parts.rollback;
  }

  /** What would come of a rollback; changes nothing. */
  tryRollback(wish: RollbackWish, signal: AbortSignal): Promise<TriedRollback> {
    const { judge } = this.#parts;
    return tryRollback(wish, {
      ...this.#parts,
      check: (text) => judge.checkRendered(text, signal),
    });
  }

  /** Goes by other settings from now on, whatever is at work; what is left out stays. */
  follow({ pace, ...others }: LiveOptions): void {
    const { trees, drawing, mailbox, quarantine, ...parts } = this.#parts;
    if (pace) {
      parts.pace.follow(pace);
    }
    drawing.follow(others);
    trees.follow(others);
    quarantine.look();
    mailbox.post('settings changed');
  }

  /**
   * Runs until `signal` aborts, and then ends within 2 s, whatever is at work. Throws what the start cannot do
   * without; what is a bug later on fails its part alone.
   */
  async run(signal: AbortSignal): Promise<void> {
    const { source, templates, guard, runtime, target, namedFiles } = this.#options;
    const parts = this.#parts;
    const { emit, crashes, trees, executor, pause, rollback, quarantine } = parts;
    const { current, queue } = executor;
    await executor.open();
    await pause?.look();
    await rollback?.look();
    await quarantine.open();
    await trees.open(current.now.installed === null ? 'none' : 'installed');
    quarantine.look();
    const begin = (where: string, work: (until: AbortSignal) => Promise<void>) =>
      crashes.keepGoing(where, work, signal);
    const followers = [
      begin('the loop', (until) => this.#loop(until)),
      begin('following the sources', (until) => followSource(parts, source, until)),
      guard && begin('waiting for the sources', (until) => waitForSources(parts, until)),
      guard && begin('the guard', (until) => watchGuard(parts, guard.store, until)),
      begin('following the templates', (until) => followTemplates(parts, templates, until)),
      begin('following the file', (until) => executor.drift.follow(until)),
      pause && begin('looking for a pause', (until) => pause.follow(until)),
      rollback && begin('looking for a rollback', (until) => rollback.follow(until)),
      begin('the quarantine', (until) => quarantine.follow(until)),
      begin('recording the file', (until) => executor.catchUp.end(until)),
      namedFiles &&
        begin('looking at what the configuration names', (until) => watchMends(parts, namedFiles, until)),
      runtime &&
        begin("reading HAProxy's servers back", (until) =>
          watchServers({ ...runtime, ...parts, current }, until),
        ),
      target === 'haproxy' &&
        begin('following HAProxy', (until) => watchHaproxy({ ...parts, current, queue }, until)),
    ];
    emit({ kind: 'started' });
    await endedBy(signal, Promise.all(followers), END_MS);
    await endedBy(signal, trees.close(), END_MS);
  }

  async #loop(signal: AbortSignal): Promise<void> {
    const { turns, mailbox } = this.#parts;
    let retryAt = Number.POSITIVE_INFINITY;
    while (!signal.aborted) {
      turns.turn();
      const mail = mailbox.peek();
      const until = mail ? this.#due(mail) : retryAt;
      const pause = until - clock.now();
      if (pause > 0) {
        await mailbox.wait(Math.min(TURN_MS, pause), signal);
      } else {
        const end = await this.#passes.pass(mail?.triggers ?? ['retry'], signal);
        retryAt = clock.now() + (end?.retryInMs ?? Number.POSITIVE_INFINITY);
      }
    }
  }

  /** What may go out without a reload is looked at at once; a reload waits for its pace by itself. */
  #due(mail: Mail): number {
    const { executor, pace } = this.#parts;
    const isQuick = this.#options.runtime && runningSet(executor.current.now) !== null;
    return isQuick ? mail.firstAt : pace.due(mail);
  }
}

/** Milliseconds after the signal in which what is at work may end. */
const END_MS = 1500;

/** Waits for `work`, but once `signal` aborts for no longer than `ms`. Rejects where it does. */
async function endedBy(signal: AbortSignal, work: Promise<unknown>, ms: number): Promise<void> {
  const ended = new AbortController();
  const late = async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    signal.addEventListener('abort', () => resolve(), { once: true, signal: ended.signal });
    await (signal.aborted ? null : promise);
    await rest(ms, ended.signal);
  };
  try {
    await Promise.race([work, late()]);
  } finally {
    ended.abort();
  }
}
