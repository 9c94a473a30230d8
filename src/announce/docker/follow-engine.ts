import { PointsmanError, SystemError } from '../../errors.ts';
import { BackOff } from '../../ports/back-off.ts';
import { rest } from '../../ports/clock.ts';
import { type Engine, EngineError } from './engine.ts';
import type { Container, EngineEvent, Listed } from './engine-answers.ts';
import { endsContainer } from './stop-signal.ts';

/** Which containers are followed. */
export type Selection =
  /** All that may ask to be announced: those that the list says nothing of are looked at where `mayAsk` says so. */
  | { readonly kind: 'all'; mayAsk(labels: Readonly<Record<string, string>>): boolean }
  /** The one that has this name now. */
  | { readonly kind: 'named'; readonly name: string };

/** Who is told what an engine runs. */
export interface EngineListener {
  /** The containers that run now, paused and restarting ones left out: all of them, each time that anything of them changed. */
  containers(running: readonly Container[]): void;
  /** A container was told to end: it may take its time for that. */
  ending(container: Container, signal: number): void;
  /** The engine does not answer: what it said last stays true until it answers again. */
  away(error: PointsmanError): void;
  /** It answers. */
  here(): void;
}

export interface FollowEngineOptions {
  readonly engine: Engine;
  readonly selection: Selection;
  readonly listener: EngineListener;
  /** Milliseconds between two lists, whatever the events say. @default 30,000 */
  readonly listEvery?: number | undefined;
}

const LIST_EVERY = 30_000;
/** Milliseconds until a container that could not be looked at is looked at again. */
const LOOK_AGAIN = 1_000;
/** Who could not be looked at so often is not waited for at the start. */
const GIVEN_UP = 3;

/**
 * Follows what an engine runs, until `signal` aborts; then it resolves. Events are hints only: they say which container to look
 * at. First the events are subscribed to, then everything is listed, and so again after the stream broke off and every 30 s,
 * since an engine drops events without a word.
 *
 *     subscribe --> list --> look at each that the list shows anew, or no longer --> tell
 *                    ^  every 30 s                    ^  each event
 *     the stream ends (the engine restarts: containers may live on): what is known stays, subscribe again
 */
export async function followEngine(options: FollowEngineOptions, signal: AbortSignal): Promise<void> {
  await new EngineFollower(options).run(signal);
}

/** A container, and what the list said of it when it was looked at. */
interface Known {
  readonly container: Container;
  readonly print: string;
  /** The container whose network it has. */
  readonly leansOn: string | null;
}

/** A look at a container that is under way. */
interface Look {
  /** Something happened meanwhile. */
  again: boolean;
  print: string;
  /** How often the engine answered, but not with the container. */
  failures: number;
}

class EngineFollower {
  readonly #options: FollowEngineOptions;
  /** By id; the one that is followed by its name, by that. */
  readonly #known = new Map<string, Known>();
  readonly #looks = new Map<string, Look>();
  /** Since the last subscription. */
  #listed = false;
  /** Nothing is told before everything was looked at once: what is missing would be taken for dead. */
  #begun = false;
  #changed = true;

  constructor(options: FollowEngineOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const backOff = new BackOff({ first: 100, longest: 500, spread: 0.3 });
    while (!signal.aborted) {
      try {
        await this.#subscription(backOff, signal);
        throw new SystemError(
          `following the engine at ${this.#options.engine.name}: it ended the stream of events`,
          {
            hint: 'It restarts, or was stopped. What it ran stays announced until it answers again.',
          },
        );
      } catch (error) {
        if (signal.aborted) {
          return;
        }
        if (!(error instanceof PointsmanError)) {
          throw error;
        }
        this.#options.listener.away(error);
        await rest(backOff.failed(), signal);
      }
    }
  }

  /** Resolves when the stream of events has ended. */
  async #subscription(backOff: BackOff, signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    const end = () => over.abort(signal.reason);
    signal.addEventListener('abort', end, { once: true });
    const parts: Promise<void>[] = [];
    try {
      const events = await this.#options.engine.events(over.signal);
      parts.push(this.#hear(events, signal), this.#listAgain(backOff, over.signal, signal));
      await Promise.race(parts);
    } finally {
      signal.removeEventListener('abort', end);
      over.abort();
      this.#listed = false;
      await Promise.allSettled(parts);
    }
  }

  async #hear(events: AsyncIterable<EngineEvent>, signal: AbortSignal): Promise<void> {
    for await (const event of events) {
      this.#heard(event, signal);
    }
  }

  #heard(event: EngineEvent, signal: AbortSignal): void {
    for (const [key, { leansOn }] of this.#known) {
      if (leansOn === event.id) {
        this.#look(key, signal);
      }
    }
    const key = this.#keyOf(event);
    if (key === null) {
      return;
    }
    const container = this.#known.get(key)?.container;
    if (event.action === 'kill' && event.signal !== null && container?.id === event.id) {
      if (endsContainer(event.signal, container.stopSignal)) {
        this.#options.listener.ending(container, event.signal);
      }
    }
    this.#look(key, signal);
  }

  #keyOf({ id, name }: EngineEvent): string | null {
    const { selection } = this.#options;
    if (selection.kind === 'all') {
      return id;
    }
    const isOurs = name === selection.name || this.#known.get(selection.name)?.container.id === id;
    return isOurs ? selection.name : null;
  }

  async #listAgain(backOff: BackOff, over: AbortSignal, signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.#list(over, signal);
      if (backOff.failures > 0 || !this.#listed) {
        backOff.succeeded();
        this.#options.listener.here();
      }
      this.#listed = true;
      this.#tell();
      await rest(this.#options.listEvery ?? LIST_EVERY, over);
      over.throwIfAborted();
    }
  }

  /** Looks at whatever the list shows otherwise than it is known. */
  async #list(over: AbortSignal, signal: AbortSignal): Promise<void> {
    const { engine, selection } = this.#options;
    if (selection.kind === 'named') {
      this.#look(selection.name, signal);
      return;
    }
    const listed = (await engine.list(over)).filter(({ labels }) => selection.mayAsk(labels));
    const found = new Map<string, Listed>(listed.map((one) => [one.id, one]));
    for (const [id, { print, leansOn }] of this.#known) {
      if (leansOn !== null || found.get(id)?.print !== print) {
        this.#look(id, signal, found.get(id)?.print);
      }
    }
    for (const { id, state, print } of listed) {
      if (state === 'running' && !this.#known.has(id)) {
        this.#look(id, signal, print);
      }
    }
  }

  /** Each container is looked at on its own: one that hangs holds up nobody else. */
  #look(key: string, signal: AbortSignal, print = ''): void {
    const under = this.#looks.get(key);
    if (under) {
      under.again = true;
      under.print = print;
      return;
    }
    const look = { again: false, print, failures: 0 };
    this.#looks.set(key, look);
    void this.#lookUntilSeen(key, look, signal).then(() => {
      this.#looks.delete(key);
      if (!signal.aborted) {
        this.#tell();
      }
    });
  }

  async #lookUntilSeen(key: string, look: Look, signal: AbortSignal): Promise<void> {
    do {
      look.again = false;
      const { print } = look;
      try {
        this.#saw(key, await this.#see(key, signal), print);
      } catch (error) {
        if (signal.aborted) {
          return;
        }
        if (!(error instanceof PointsmanError)) {
          throw error;
        }
        look.failures += error instanceof EngineError && error.trouble === 'away' ? 0 : 1;
        look.again = true;
        this.#tell();
        await rest(LOOK_AGAIN, signal);
      }
    } while (look.again && !signal.aborted);
  }

  /** The container as it runs, with the ports of the one whose network it has; null where it does not, or is not asked for. */
  async #see(key: string, signal: AbortSignal): Promise<Omit<Known, 'print'> | null> {
    const { engine, selection } = this.#options;
    const container = await engine.inspect(key, signal);
    if (container?.state !== 'running' || (selection.kind === 'all' && !selection.mayAsk(container.labels))) {
      return null;
    }
    if (container.network.kind !== 'of') {
      return { container, leansOn: null };
    }
    const other = await engine.inspect(container.network.container, signal);
    const { network, bindings } = other?.state === 'running' ? other : container;
    return {
      container: { ...container, network, bindings },
      leansOn: other?.id ?? container.network.container,
    };
  }

  #saw(key: string, seen: Omit<Known, 'print'> | null, print: string): void {
    const before = this.#known.get(key);
    if (seen === null) {
      this.#changed ||= this.#known.delete(key);
      return;
    }
    this.#known.set(key, { ...seen, print });
    this.#changed ||= JSON.stringify(before?.container) !== JSON.stringify(seen.container);
  }

  #tell(): void {
    const isSeen = [...this.#looks.values()].every(({ failures }) => failures >= GIVEN_UP);
    this.#begun ||= this.#listed && isSeen;
    if (!this.#begun || !this.#changed) {
      return;
    }
    this.#changed = false;
    this.#options.listener.containers([...this.#known.values()].map(({ container }) => container));
  }
}
