import type { ClientDuplexStream } from '@grpc/grpc-js';
import { unwatchRequest, type WatchAnswer, watchAnswer, watchRequest } from './etcd-messages.ts';

/** A stream of messages both ways. */
export type EtcdStream = ClientDuplexStream<Buffer, Buffer>;

/** How long etcd may take to begin a watch. */
const CREATE_LIMIT = 5_000;

/**
 * Watches single keys by one stream, each by a watch of its own: of all that happens below a prefix shared with a whole
 * fleet nothing else comes here. Disposing ends it.
 */
export class KeyWatch implements Disposable {
  readonly #stream: EtcdStream;
  readonly #onChange: (key: string, revision: bigint) => void;
  readonly #numbers = new Map<string, number>();
  readonly #creating = new Map<number, () => void>();
  readonly #lost = Promise.withResolvers<never>();
  #last = 0;

  constructor(stream: EtcdStream, onChange: (key: string, revision: bigint) => void) {
    this.#stream = stream;
    this.#onChange = onChange;
    this.#lost.promise.catch(() => undefined);
    stream.on('data', (bytes: Buffer) => this.#receive(bytes));
    stream.on('error', (error) => this.#lost.reject(error));
    stream.on('end', () => this.#lost.reject(new Error('it closed the stream')));
  }

  /** Rejects when the stream is lost. */
  get lost(): Promise<never> {
    return this.#lost.promise;
  }

  /** From now on these keys and no others are watched: resolves when no change of theirs can be missed any more. */
  async cover(keys: ReadonlySet<string>): Promise<void> {
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
    const late = setTimeout(
      () => this.#lost.reject(new Error('no answer to the watch request')),
      CREATE_LIMIT,
    );
    try {
      await Promise.race([Promise.all(fresh.map((key) => this.#create(key))), this.lost]);
    } finally {
      clearTimeout(late);
    }
  }

  [Symbol.dispose](): void {
    this.#lost.reject(new Error('it was closed'));
    this.#stream.cancel();
  }

  #create(key: string): Promise<void> {
    this.#last += 1;
    const number = this.#last;
    this.#numbers.set(key, number);
    return new Promise((resolve) => {
      this.#creating.set(number, resolve);
      this.#stream.write(watchRequest(key, number));
    });
  }

  #receive(bytes: Buffer): void {
    try {
      this.#take(watchAnswer(bytes));
    } catch (error) {
      this.#lost.reject(error);
    }
  }

  #take(answer: WatchAnswer): void {
    switch (answer.kind) {
      case 'created':
        this.#creating.get(answer.watch)?.();
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
          this.#onChange(key, revision);
        }
        break;
      default:
        answer satisfies never;
    }
  }
}
