import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fleet } from './fleet.ts';
import type { Random } from './random.ts';
import type { Story } from './story.ts';

/** Where requests go: the shared frontend by a host, or a port of the service's own. */
export interface Target {
  readonly service: string;
  readonly port: number;
  /** A tcp service keeps a connection with the instance that has it: only fresh ones are fair. */
  readonly kept: boolean;
}

/** A request that was not answered with 200 by an instance of the right service. */
export interface Failure {
  /** Seconds since the beginning, when it was sent and when it failed. */
  readonly sent: number;
  readonly failed: number;
  readonly service: string;
  readonly connection: 'fresh' | 'kept alive';
  readonly what: string;
  readonly faults: readonly string[];
}

/** How many requests are under way at once, of each kind. */
const LOOPS = 3;
/** Milliseconds between an answer and the next request of a loop. */
const PAUSE = 15;
const TIMEOUT = 15_000;
/** What a client may see of an instance that dies under it. Anything else counts, a 404 and a wrong service above all. */
const DYING = /^50[23] |ECONNRESET|socket hang up|aborted/;

/** Constant load on fresh and on kept-alive connections, over every target in turn. */
export class Traffic implements AsyncDisposable {
  readonly #targets = new Map<string, Target>();
  readonly #story: Story;
  readonly #random: Random;
  readonly #fleet: Fleet;
  readonly #loops: Promise<void>[];
  readonly #agent = new Agent({ keepAlive: true, maxSockets: LOOPS, scheduling: 'fifo' });
  readonly #failures: Failure[] = [];
  readonly #forgiven: Failure[] = [];
  #stopped = false;
  #sent = 0;
  #answered = 0;
  #slowest = 0;

  constructor(options: { story: Story; random: Random; fleet: Fleet }) {
    this.#story = options.story;
    this.#random = options.random;
    this.#fleet = options.fleet;
    this.#loops = Array.from({ length: LOOPS * 2 }, (_, at) =>
      this.#loop(at % 2 === 0 ? 'fresh' : 'kept alive'),
    );
  }

  get failures(): readonly Failure[] {
    return this.#failures;
  }

  get answered(): number {
    return this.#answered;
  }

  /** Failed requests that an instance which died under them accounts for. */
  get forgiven(): readonly Failure[] {
    return this.#forgiven;
  }

  /** Milliseconds. */
  get slowest(): number {
    return this.#slowest;
  }

  add(target: Target): void {
    this.#targets.set(target.service, target);
  }

  /** No request to it begins after this; those under way end within the timeout. */
  remove(service: string): void {
    this.#targets.delete(service);
  }

  /** Ends the load and its connections. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#loops);
    this.#agent.destroy();
  }

  async #loop(connection: Failure['connection']): Promise<void> {
    while (!this.#stopped) {
      await sleep(PAUSE);
      const fair = [...this.#targets.values()].filter(({ kept }) => kept || connection === 'fresh');
      const target = fair[(this.#sent + this.#random.int(0, 1)) % Math.max(1, fair.length)];
      if (target) {
        await this.#one(target, connection);
      }
    }
  }

  async #one(target: Target, connection: Failure['connection']): Promise<void> {
    const { service } = target;
    const sent = this.#story.now;
    this.#sent += 1;
    const what = await this.#ask(target, connection).catch((error: Error) => `${error.message}`);
    const failed = this.#story.now;
    this.#slowest = Math.max(this.#slowest, (failed - sent) * 1000);
    if (what === null) {
      this.#answered += 1;
      return;
    }
    const excused = DYING.test(what) && this.#fleet.mayMeetDeath(service, sent, failed);
    const list = excused ? this.#forgiven : this.#failures;
    list.push({ sent, failed, service, connection, what, faults: this.#story.on(failed) });
  }

  /** Null where the answer is right. */
  #ask({ service, port }: Target, connection: Failure['connection']): Promise<string | null> {
    return new Promise((resolve, reject) => {
      const agent = connection === 'fresh' ? false : this.#agent;
      const sent = request(
        { host: '127.0.0.1', port, path: '/', headers: { host: service }, agent },
        (answer) => {
          let body = '';
          answer.setEncoding('utf8');
          answer.on('data', (text: string) => {
            body += text;
          });
          answer.once('error', reject);
          answer.once('end', () => {
            const right = answer.statusCode === 200 && body.startsWith(`${service}/`);
            resolve(right ? null : `${answer.statusCode} ${body.slice(0, 80)}`);
          });
        },
      );
      sent.setTimeout(TIMEOUT, () => sent.destroy(new Error(`no answer in ${TIMEOUT} ms`)));
      sent.once('error', (error) =>
        reject(new Error(`${error.message}${sent.reusedSocket ? ' (reused)' : ''}`)),
      );
      sent.end();
    });
  }
}
