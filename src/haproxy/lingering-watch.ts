import { SystemError } from '../errors.ts';
import type { HaproxyEvent } from '../events-haproxy.ts';
import { removalLines } from '../plan/runtime-lines.ts';
import type { Serial } from '../ports/serial.ts';
import { judgeAnswer } from './runtime-answers.ts';
import type { RuntimeSession } from './runtime-session.ts';
import { type LingeringServer, type ServerJournal, workerId } from './server-journal.ts';
import { SocketError } from './socket-command.ts';

/** What is told of servers that leave. */
export type LingeringEvent =
  | Extract<HaproxyEvent, { readonly kind: 'server-gone' }>
  | { readonly kind: 'notice'; readonly message: string };

export interface LingeringWatchOptions {
  readonly journal: ServerJournal;
  /** Batches and retries take turns. */
  readonly serial: Serial;
  readonly open: (signal: AbortSignal) => RuntimeSession;
  /** Told when a removed server could be deleted, and what a person should know. */
  readonly emit: (event: LingeringEvent) => void;
}

/** Milliseconds between two tries: a tenth of the time that it has taken so far, within these. */
const SHORTEST = 50;
const LONGEST = 10_000;

/**
 * Sees that servers which have left the file get out of the worker: first they drain, then they are in maintenance,
 * and as soon as their last session is over they are deleted. Every try is on a connection of its own.
 */
export class LingeringWatch implements Disposable {
  readonly #options: LingeringWatchOptions;
  readonly #end = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #held = false;

  constructor(options: LingeringWatchOptions) {
    this.#options = options;
  }

  /** Looks again when the next one is due. To be called whenever the journal was changed. */
  schedule(): void {
    clearTimeout(this.#timer);
    const all = this.#options.journal.all();
    if (this.#end.signal.aborted || this.#held || all.length === 0) {
      return;
    }
    const now = Date.now();
    const pause = all.reduce(
      (least, lingering) => Math.min(least, pauseFor(lingering, now)),
      Number.POSITIVE_INFINITY,
    );
    this.#timer = setTimeout(() => void this.#options.serial.run(() => this.#look()), pause);
    this.#timer.unref();
  }

  /** While held, nothing begins. */
  hold(held: boolean): void {
    this.#held = held;
    this.schedule();
  }

  /** Writes the journal; where that cannot be done, it is told, and nothing else is hindered. */
  async save(): Promise<void> {
    try {
      await this.#options.journal.save();
    } catch (error) {
      if (!(error instanceof SystemError)) {
        throw error;
      }
      this.#options.emit({ kind: 'notice', message: error.message });
    }
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#end.abort(new Error('the end'));
  }

  async #look(): Promise<void> {
    const { journal, open, emit } = this.#options;
    const { signal } = this.#end;
    try {
      if (signal.aborted || this.#held) {
        return;
      }
      await using session = open(signal);
      const info = await session.info();
      if (!info.stopping) {
        journal.follow(workerId(info));
      }
      const now = Date.now();
      for (const lingering of journal.all()) {
        if (lingering.phase === 'leaving' || lingering.drainUntil <= now) {
          await this.#tryToDelete(session, lingering);
        }
      }
      await this.save();
    } catch (error) {
      if (signal.aborted) {
        return;
      }
      // Away or reloading: the next try will see.
      if (!(error instanceof SocketError)) {
        emit({ kind: 'notice', message: String(error) });
      }
    } finally {
      this.schedule();
    }
  }

  async #tryToDelete(session: RuntimeSession, lingering: LingeringServer): Promise<void> {
    const { journal, emit } = this.#options;
    const { backend, server } = lingering;
    const { maint, del } = removalLines(lingering);
    if (lingering.phase === 'draining') {
      await session.ask(maint);
      journal.put({ ...lingering, phase: 'leaving' });
    }
    const verdict = judgeAnswer(del, await session.ask(del));
    if (verdict.kind === 'busy') {
      return;
    }
    journal.drop(backend, server);
    if (verdict.kind === 'refused') {
      const message = `removing server ${backend}/${server}: HAProxy says "${verdict.answer}"; it stays until the next reload`;
      emit({ kind: 'notice', message });
      return;
    }
    emit({ kind: 'server-gone', backend, server, ms: Date.now() - lingering.since });
  }
}

function pauseFor({ phase, since, drainUntil }: LingeringServer, now: number): number {
  if (phase === 'draining') {
    return Math.max(0, drainUntil - now);
  }
  const taken = now - drainUntil;
  return Math.min(LONGEST, Math.max(SHORTEST, taken / 10, since - now));
}
