import { faultsOf, markOf, type Server, serversOf } from './haproxy-text.ts';
import type { Random } from './random.ts';
import type { VirtualTime } from './virtual-time.ts';

/** A worker: what it loaded, and what became of it since. */
export interface Worker {
  readonly pid: number;
  readonly fileText: string;
  mark: string | null;
  readonly servers: Map<string, Map<string, Server>>;
  /** Somebody changed its servers behind our back. */
  isTampered: boolean;
}

export interface FakeHaproxyOptions {
  readonly time: VirtualTime;
  readonly random: Random;
  /** The file that it loads, as it lies there now. */
  readonly file: () => string | null;
  readonly say: (what: string) => void;
}

/** A HAProxy with a master and a worker, which somebody starts again where it ended. */
export class FakeHaproxy {
  readonly #options: FakeHaproxyOptions;
  #life = 0;
  #lastPid = 100;
  isUp = false;
  isLoading = false;
  reloads = 0;
  failedReloads = 0;
  worker: Worker | null = null;
  version = '3.0.11';
  /** So many of the next loads fail (a port is taken), get lost, or take HAProxy down. */
  failing = 0;
  losing = 0;
  deadly = 0;
  /** Nobody starts it before this time. */
  downUntil = 0;
  readonly #listeners = new Set<() => void>();

  constructor(options: FakeHaproxyOptions) {
    this.#options = options;
  }

  /** Calls `listener` after each change, until the returned function is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Starts it, where the file lets it. */
  start(): void {
    const { file, say, time } = this.#options;
    if (this.isUp || time.now < this.downUntil) {
      return;
    }
    const text = file();
    if (text === null || faultsOf(text).length > 0) {
      return;
    }
    this.isUp = true;
    this.#life++;
    this.reloads = 0;
    this.failedReloads = 0;
    this.#load(text);
    say(`HAProxy starts: worker ${this.worker?.pid} runs ${this.worker?.mark}`);
    this.#changed();
  }

  /** It ends, and is started again after so many milliseconds. */
  kill(ms: number): void {
    const { time, say } = this.#options;
    if (this.isUp) {
      say('HAProxy ends');
    }
    this.isUp = false;
    this.isLoading = false;
    this.worker = null;
    this.#life++;
    this.downUntil = Math.max(this.downUntil, time.now + ms);
    this.#changed();
    time.after(ms, () => this.#revive());
  }

  /** A request to load the file. What comes of it shows in the counters. */
  requestReload(who: string): 'taken' | 'lost' {
    const { time, random, file, say } = this.#options;
    if (this.isLoading || this.losing > 0) {
      this.losing = Math.max(0, this.losing - 1);
      say(`HAProxy loses the request of ${who} to reload`);
      return 'lost';
    }
    const life = this.#life;
    const text = file();
    this.isLoading = true;
    say(`HAProxy begins to load the file for ${who}`);
    time.after(random.whole(20, 300), () => {
      if (life === this.#life) {
        this.#loaded(text);
      }
    });
    return 'taken';
  }

  #loaded(text: string | null): void {
    const { say } = this.#options;
    this.isLoading = false;
    if (this.deadly > 0) {
      this.deadly--;
      say('the new worker dies, and takes the master with it');
      this.kill(1500);
      return;
    }
    this.reloads++;
    if (text === null || faultsOf(text).length > 0 || this.failing > 0) {
      this.failing = Math.max(0, this.failing - 1);
      this.failedReloads++;
      say('HAProxy does not load the file and goes on with what it had');
    } else {
      this.failedReloads = 0;
      this.#load(text);
      say(`HAProxy loaded the file: worker ${this.worker?.pid} runs ${this.worker?.mark}`);
    }
    this.#changed();
  }

  #load(fileText: string): void {
    this.worker = {
      pid: ++this.#lastPid,
      fileText,
      mark: markOf(fileText),
      servers: serversOf(fileText),
      isTampered: false,
    };
  }

  #revive(): void {
    if (!this.isUp) {
      this.start();
    }
    if (!this.isUp) {
      this.#options.time.after(1000, () => this.#revive());
    }
  }

  /** Whoever follows it is told. */
  touched(): void {
    this.#changed();
  }

  #changed(): void {
    for (const listener of [...this.#listeners]) {
      listener();
    }
  }
}
