import type { PointsmanEvent } from '../../src/events.ts';
import type { Change, Entry } from '../../src/model/entry.ts';
import { hashText, splitMark } from '../../src/plan/mark.ts';
import type { Worker } from './fake-haproxy.ts';
import { difference, serversOf } from './haproxy-text.ts';
import type { Life } from './life.ts';
import type { World } from './world.ts';

/** What must always hold, and did not. */
export interface Violation {
  /** In milliseconds since the beginning. */
  readonly at: number;
  readonly what: string;
}

/**
 * Looks at the ports and the events, as an outsider does, and says where a promise is broken. It knows nothing of how
 * the core is made.
 */
export class Watcher {
  readonly #world: World;
  /** The first promise that was broken. */
  violation: Violation | null = null;
  /** What is at work right now, by what it is at work on. */
  readonly #working = new Map<string, { readonly life: Life; readonly who: string }>();
  readonly #accepted = new Set<string>();
  readonly #foreign = new Set<string>();
  readonly #texts = new Map<string, string>();
  /** What the sources gave this life. */
  #raw: Map<string, Entry> | null = null;
  /** A bug was put in: parts may fail. */
  bugs = 0;
  /** When Pointsman last did something: wrote the file, told HAProxy, or came to the end of a pass. */
  lastDeed = 0;

  constructor(world: World) {
    this.#world = world;
  }

  violate(what: string): void {
    if (this.violation) {
      return;
    }
    this.#world.say(`BROKEN: ${what}`);
    this.violation = { at: this.#world.time.now, what };
  }

  /** A life begins. */
  born(): void {
    this.#raw = null;
  }

  delivered(entries: readonly Entry[]): void {
    this.#raw = new Map(entries.map((entry) => [entry.key, entry]));
  }

  changed(changes: readonly Change[]): void {
    for (const change of changes) {
      if (change.kind === 'put') {
        this.#raw?.set(change.entry.key, change.entry);
      } else {
        this.#raw?.delete(change.key);
      }
    }
  }

  cached(): void {}

  /** The check has spoken. */
  judged(fileText: string, isGood: boolean): void {
    this.#know(fileText);
    if (isGood) {
      this.#accepted.add(fileText);
    }
  }

  #know(fileText: string): void {
    const { text } = splitMark(fileText);
    this.#texts.set(hashText(text), text);
  }

  /** Somebody else wrote this into the file: it may be put back there. */
  foreign(fileText: string): void {
    this.#accepted.add(fileText);
    this.#foreign.add(fileText);
  }

  /** A file is about to take its place. */
  publishes(fileText: string): void {
    const { world, hash } = { world: this.#world, hash: hashText(splitMark(fileText).text) };
    this.lastDeed = world.time.now;
    world.say(`the file becomes ${hash}`);
    if (!this.#accepted.has(fileText)) {
      this.violate(`${hash} became the file, and no check had accepted it`);
    }
    if (world.mode !== 'file' && splitMark(fileText).mark !== hash && !this.#foreign.has(fileText)) {
      this.violate(`the file's mark is not that of its text`);
    }
  }

  /** A batch was applied: the worker says that it runs another text. */
  applied(worker: Worker): void {
    this.lastDeed = this.#world.time.now;
    this.#checkWorker(worker);
  }

  /** The worker runs what its mark says. */
  #checkWorker(worker: Worker): void {
    const text = worker.mark === null ? undefined : this.#texts.get(worker.mark);
    if (text === undefined || worker.isTampered || splitMark(worker.fileText).mark === null) {
      return;
    }
    const loaded = splitMark(worker.fileText);
    if (hashText(loaded.text) !== loaded.mark) {
      return;
    }
    const found = difference(serversOf(text), worker.servers);
    if (found !== null) {
      this.violate(`HAProxy's mark is ${worker.mark}, but ${found}`);
    }
  }

  /** Work that nobody else may be at at the same time. */
  async alone<T>(life: Life, on: string, who: string, work: () => Promise<T>): Promise<T> {
    const other = this.#working.get(on);
    if (other?.life.isAlive) {
      this.violate(`two at a time on ${on}: ${other.who} and ${who}`);
    }
    const mine = { life, who };
    this.#working.set(on, mine);
    this.lastDeed = this.#world.time.now;
    const telling = this.#working.get('tell');
    const writing = this.#working.get('file');
    if (telling?.life.isAlive && writing?.life.isAlive && telling.who === 'reload') {
      this.violate(`the file is written while HAProxy loads it`);
    }
    try {
      return await work();
    } finally {
      this.lastDeed = this.#world.time.now;
      if (this.#working.get(on) === mine) {
        this.#working.delete(on);
      }
    }
  }

  /** Something that Pointsman told. */
  event(event: PointsmanEvent): void {
    if (event.kind === 'pass') {
      this.lastDeed = this.#world.time.now;
    }
    if (event.kind === 'part-failed' && this.bugs === 0) {
      this.violate(`${event.where} threw what is a bug: ${event.stack}`);
    }
  }

  /** After each step. */
  look(): void {
    const { worker } = this.#world.haproxy;
    if (worker && worker.mark !== 'changing') {
      this.#checkWorker(worker);
    }
  }
}
