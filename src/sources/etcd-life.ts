const PING_EVERY = 1_000;
const PING_LIMIT = 1_500;
const QUESTION_EVERY = 2_000;
const QUESTION_LIMIT = 1_500;

export interface LifeOptions {
  /** Whether the other end is known to leave pings unanswered. */
  readonly mute: boolean;
  /** Asks on the stream itself: a `progress_request`. */
  ping(): void;
  /** Asks beside the stream; gives the store's revision, or null where all it says is that it lives. */
  question(limit: number): Promise<bigint | null>;
  onQuestion(revision: bigint): void;
  /** It lives, and yet left a ping unanswered. */
  onMute(): void;
  onLost(error: unknown): void;
}

/**
 * Watches whether the other end of a stream lives.
 *
 *     a ping each second, 1.5 s without any message -> lost, where it has answered one before; else it is asked beside the stream
 *     asked beside the stream -> no answer in 1.5 s: lost
 *                             -> an answer: mute (an `etcd grpc-proxy` is), and asked so every 2 s from then on
 *
 * Newer etcds leave a ping unanswered while watches catch up: that time does not count.
 */
export class StreamLife {
  readonly #options: LifeOptions;
  readonly #timers = new Set<NodeJS.Timeout>();
  #stopped = false;
  #mute: boolean;
  #messages = 0;
  #hasAnswered = false;
  /** When the oldest ping was sent that is not answered yet. */
  #asked: number | null = null;

  constructor(options: LifeOptions) {
    this.#options = options;
    this.#mute = options.mute;
  }

  /** Whether pings are left unanswered. */
  get mute(): boolean {
    return this.#mute;
  }

  /** To be called once, when the stream stands. */
  begin(): void {
    // It may be another one by now, and then its answer says so.
    if (this.#mute) {
      this.ping();
    }
    this.#turn();
  }

  ping(): void {
    this.#options.ping();
    this.#asked ??= performance.now();
  }

  /** A message came, whatever it says. */
  heard(): void {
    this.#messages++;
  }

  /** A ping was answered. */
  answered(): void {
    this.#hasAnswered = true;
    this.#mute = false;
    this.#asked = null;
  }

  /** What came shows that the watches are not in step yet. */
  lags(): void {
    if (this.#asked !== null) {
      this.#asked = performance.now();
    }
  }

  stop(): void {
    this.#stopped = true;
    for (const timer of this.#timers) {
      clearTimeout(timer);
    }
  }

  #turn(): void {
    if (this.#mute) {
      this.#later(QUESTION_EVERY, () => void this.#question());
      return;
    }
    const before = this.#messages;
    this.ping();
    this.#later(PING_EVERY, () => {
      if (this.#messages !== before) {
        this.#judge(false);
      }
      // When this process itself was stopped, the answer may wait in the socket: a moment to read it.
      else {
        this.#later(PING_LIMIT - PING_EVERY, () =>
          this.#later(50, () => this.#judge(this.#messages === before)),
        );
      }
    });
  }

  #judge(silent: boolean): void {
    const waited = this.#asked === null ? 0 : performance.now() - this.#asked;
    if (silent && this.#hasAnswered) {
      this.#options.onLost(new Error('no answer to a ping'));
    } else if (silent || (!this.#hasAnswered && waited >= PING_LIMIT)) {
      void this.#question();
    } else {
      this.#turn();
    }
  }

  async #question(): Promise<void> {
    try {
      const revision = await this.#options.question(QUESTION_LIMIT);
      if (this.#stopped) {
        return;
      }
      if (!this.#mute && !this.#hasAnswered) {
        this.#mute = true;
        this.#options.onMute();
      }
      if (revision !== null) {
        this.#options.onQuestion(revision);
      }
      if (!this.#stopped) {
        this.#turn();
      }
    } catch (error) {
      if (!this.#stopped) {
        this.#options.onLost(error);
      }
    }
  }

  #later(milliseconds: number, act: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      act();
    }, milliseconds);
    this.#timers.add(timer);
  }
}
