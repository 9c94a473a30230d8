import type { ClientDuplexStream } from '@grpc/grpc-js';
import { asError } from '../errors.ts';
import { unwatchRequest, type WatchAnswer, watchAnswer, watchRequest } from './etcd-messages.ts';

/** A stream of messages both ways. */
export type EtcdStream = ClientDuplexStream<Buffer, Buffer>;

/** How long etcd may take to begin a watch. */
const CREATE_LIMIT = 5_000;

/** Who is told of what a watch sees. */
export interface WatchListener {
  onChange(key: string, revision: bigint): void;
  /** Nothing is watched any more: called once. */
  onLost(): void;
}

/**
 * Watches single keys by one stream, each by a watch of its own: of all that happens below a prefix shared with a whole
 * fleet nothing else comes here. Disposing ends it.
 */
export class KeyWatch implements Disposable {
  readonly #stream: EtcdStream;
  readonly #listener: WatchListener;
  readonly #numbers = new Map<string, number>();
  readonly #creating = new Map<number, PromiseWithResolvers<void>>();
  #last = 0;
  #error: Error | null = null;

  constructor(stream: EtcdStream, listener: WatchListener) {
    this.#stream = stream;
    this.#listener = listener;
    stream.on('data', (bytes: Buffer) => this.#receive(bytes));
    stream.on('error', (error) => this.#lose(error));
    stream.on('end', () => this.#lose(new Error('it closed the stream')));
  }

  /** Throws why it is lost, where it is. */
  throwIfLost(): void {
    if (this.#error !== null) {
      throw this.#error;
    }
  }

  /** Whether a key is watched. */
  covers(key: string): boolean {
    return this.#numbers.has(key);
  }

  /**
   * From now on these keys and no others are watched: resolves when no change of theirs can be missed any more, rejects where
   * it is lost.
   */
  async cover(keys: ReadonlySet<string>): Promise<void> {
    this.throwIfLost();
    for (const [key, number] of this.#numbers) {
      if (!keys.has(key)) {
        this.#numbers.delete(key);
        this.#stream.write(unwatchRequest(number));
      }
    }
    const fresh = [...keys].filter((key) => !this.#numbers.has(key));
    if (fresh.length === 0) {
      return;
    }
    const late = setTimeout(() => this.#lose(new Error('no answer to the watch request')), CREATE_LIMIT);
    try {
      await Promise.all(fresh.map((key) => this.#create(key)));
    } finally {
      clearTimeout(late);
    }
  }

  [Symbol.dispose](): void {
    this.#lose(new Error('it was closed'));
    this.#stream.cancel();
  }

  /** The first reason counts. */
  #lose(error: Error): void {
    if (this.#error !== null) {
      return;
    }
    this.#error = error;
    for (const { reject } of this.#creating.values()) {
      reject(error);
    }
    this.#creating.clear();
    this.#listener.onLost();
  }

  #create(key: string): Promise<void> {
    this.#last += 1;
    const number = this.#last;
    this.#numbers.set(key, number);
    const created = Promise.withResolvers<void>();
    this.#creating.set(number, created);
    this.#stream.write(watchRequest(key, number));
    return created.promise;
  }

  #receive(bytes: Buffer): void {
    try {
      this.#take(watchAnswer(bytes));
    } catch (error) {
      this.#lose(asError(error));
    }
  }

  #take(answer: WatchAnswer): void {
    switch (answer.kind) {
      case 'created':
        this.#creating.get(answer.watch)?.resolve();
        this.#creating.delete(answer.watch);
        break;
      case 'ended':
        // What we ended ourselves is said to be ended as well.
        if ([...this.#numbers.values()].includes(answer.watch) || answer.watch < 0) {
          throw new Error(answer.reason || 'it ended the watch');
        }
        break;
      case 'changes':
        for (const { key, revision } of answer.changes) {
          this.#listener.onChange(key, revision);
        }
        break;
      default:
        answer satisfies never;
    }
  }
}
