import type { SourceEvent } from '../ports/source.ts';
import type { EventQueue } from './event-queue.ts';

/**
 * Tells changes of a source's state, and each only once: retries that find the same say nothing. A source that was
 * never live is `connecting` when it fails, one that was is `stale`.
 */
export class StateTeller {
  readonly #queue: EventQueue<SourceEvent>;
  readonly #of: { readonly index: number; readonly name: string };
  #told = '';
  #wasLive = false;

  constructor(queue: EventQueue<SourceEvent>, of: { readonly index: number; readonly name: string }) {
    this.#queue = queue;
    this.#of = of;
  }

  get isLive(): boolean {
    return this.#told === 'live';
  }

  live(): void {
    this.#wasLive = true;
    if (this.isLive) {
      return;
    }
    this.#told = 'live';
    this.#queue.push({ kind: 'state', state: 'live', of: this.#of });
  }

  failed(error: Error): void {
    const state = this.#wasLive ? 'stale' : 'connecting';
    const told = `${state} ${error.message}`;
    if (this.#told === told) {
      return;
    }
    this.#told = told;
    this.#queue.push({ kind: 'state', state, error, of: this.#of });
  }
}
