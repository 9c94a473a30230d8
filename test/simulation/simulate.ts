import type { PointsmanEvent } from '../../src/events.ts';
import { Catalog } from '../../src/model/catalog.ts';
import type { Entry } from '../../src/model/entry.ts';
import { withMark } from '../../src/plan/mark.ts';
import { useClock } from '../../src/ports/clock.ts';
import { OPTIONS } from '../support/catalog.ts';
import { type Action, actionsOf, type Timed } from './actions.ts';
import { coreOf, textOf } from './core.ts';
import { happen } from './happen.ts';
import { difference, faultsOf, type Servers, serversOf } from './haproxy-text.ts';
import { Life } from './life.ts';
import { portsOf } from './ports.ts';
import { Random } from './random.ts';
import { type Violation, Watcher } from './watcher.ts';
import { type Mode, World } from './world.ts';

/** What is simulated. */
export interface SimulationOptions {
  readonly seed: number | string;
  /** What happens; without it what the seed says. */
  readonly actions?: readonly Timed[];
  readonly mode?: Mode;
  /** Gets the story, line by line. */
  readonly tell?: (line: string) => void;
}

/** How a simulation ended. */
export interface SimulationResult {
  readonly seed: number | string;
  readonly mode: Mode;
  readonly actions: readonly Timed[];
  readonly violation: Violation | null;
  /** Milliseconds of virtual time. */
  readonly ms: number;
}

/** After the faults stop, all must be as it should be within this time, and then nothing happens for `QUIET`. */
const SETTLE = 200_000;
const QUIET = 70_000;

/** Simulates Pointsman with one seed. One at a time: it takes the process's clock. */
export async function simulate(options: SimulationOptions): Promise<SimulationResult> {
  const simulation = new Simulation(options);
  try {
    return await simulation.run();
  } finally {
    useClock(null);
  }
}

class Simulation {
  readonly #seed: number | string;
  readonly #world: World;
  readonly #watcher: Watcher;
  readonly #random: Random;
  readonly #actions: readonly Timed[];
  readonly #mode: Mode;
  #life: Life;
  #lives = 0;

  constructor({ seed, actions, mode, tell }: SimulationOptions) {
    const random = new Random(String(seed));
    this.#seed = seed;
    this.#random = random;
    const modes = random.stream('mode');
    this.#mode =
      mode ?? modes.pick<Mode>(['seen', 'seen', 'seen', 'seen', 'seen', 'unseen', 'unseen', 'file']);
    this.#actions = actions ?? actionsOf(random.stream('actions'));
    const say = tell ? (what: string) => tell(`${this.#clock()} ${what}`) : () => {};
    this.#world = new World({ random, mode: this.#mode, say });
    this.#watcher = new Watcher(this.#world);
    this.#life = new Life(this.#world, random);
    useClock(this.#world.time.clockOf(() => this.#life));
  }

  #clock(): string {
    return (this.#world.time.now / 1000).toFixed(3).padStart(9);
  }

  async run(): Promise<SimulationResult> {
    const { time, haproxy } = this.#world;
    const isOver = () => {
      this.#watcher.look();
      return this.#watcher.violation !== null;
    };
    haproxy.kill(0);
    for (const { at, action } of this.#actions) {
      time.after(at, () => this.#happens(action));
    }
    this.#begin();
    await time.pass((this.#actions.at(-1)?.at ?? 0) + 2000, isOver);
    const stages: [string, () => void, () => Promise<string | null>][] = [
      [
        'from here on nothing goes wrong any more',
        () => this.#calm(),
        () => this.#isSettled('some are wrong'),
      ],
      ['what is wrong is put right', () => this.#correct(), () => this.#isSettled('all are right')],
    ];
    for (const [words, prepare, trouble] of stages) {
      if (!this.#watcher.violation) {
        this.#world.say(words);
        prepare();
        await this.#settle(trouble, isOver);
      }
    }
    const { violation } = this.#watcher;
    return { seed: this.#seed, mode: this.#mode, actions: this.#actions, violation, ms: time.now };
  }

  /** Until nothing happens any more: then nothing may be in trouble. */
  async #settle(trouble: () => Promise<string | null>, isOver: () => boolean): Promise<void> {
    const { time } = this.#world;
    const end = time.now + SETTLE;
    this.#watcher.lastDeed = time.now;
    for (;;) {
      await time.pass(Math.min(end, this.#watcher.lastDeed + QUIET), isOver);
      if (this.#watcher.violation) {
        return;
      }
      const found = await trouble();
      const isQuiet = time.now - this.#watcher.lastDeed >= QUIET;
      if (found === null && isQuiet) {
        return;
      }
      if (isQuiet) {
        this.#watcher.violate(`nothing happens any more, but ${found}`);
        return;
      }
      if (time.now >= end) {
        this.#watcher.violate(`it does not come to rest${found === null ? '' : `: ${found}`}`);
        return;
      }
    }
  }

  #happens(action: Action): void {
    this.#world.say(`> ${JSON.stringify(action)}`);
    happen(action, {
      world: this.#world,
      watcher: this.#watcher,
      kill: (steps, ms) => this.#life.killAfter(steps, () => this.#world.time.after(ms, () => this.#begin())),
      terminate: (ms) => {
        this.#restart = ms;
        this.#life.stop.abort(new Error('SIGTERM'));
      },
    });
  }

  #begin(): void {
    const life = new Life(this.#world, this.#random.stream(`life ${++this.#lives}`));
    this.#life = life;
    this.#watcher.born();
    this.#world.say('Pointsman starts');
    const emit = (event: PointsmanEvent) => this.#heard(event);
    const ports = portsOf({ world: this.#world, life, watcher: this.#watcher });
    const core = coreOf(ports, this.#mode, emit);
    core.run(life.stop.signal).then(
      () => this.#ended(life, 'ends'),
      (error: unknown) => this.#ended(life, `ends: ${String(error)}`),
    );
  }

  #ended(life: Life, how: string): void {
    if (!life.isAlive) {
      return;
    }
    life.ended();
    this.#world.say(`Pointsman ${how}`);
    this.#world.time.after(this.#restart, () => this.#begin());
  }

  /** Milliseconds after which it is started again. */
  #restart = 1000;

  #heard(event: PointsmanEvent): void {
    this.#watcher.event(event);
    this.#world.say(describe(event));
  }

  /** Faults end, and a person looks after what only a person can. */
  #calm(): void {
    this.#world.mend();
    this.#world.time.shift = 0;
    this.#world.disk.pause = null;
    this.#world.setTemplate(this.#world.template === 'second' ? 'second' : 'first');
    this.#life.killAfter(Number.POSITIVE_INFINITY, () => {});
    this.#restart = 100;
    // A hold of the whole store ends by a person alone.
    this.#world.time.after(40_000, () => {
      this.#world.disk.releaseAsked = true;
    });
  }

  #correct(): void {
    const { store } = this.#world;
    const wrong = store.entries.filter(({ value }) => isWrong(value));
    store.write(new Map(wrong.map(({ key }) => [key, null])));
    this.#world.time.after(40_000, () => {
      this.#world.disk.releaseAsked = true;
    });
  }

  /** What is not as it should be, or null. */
  async #isSettled(how: 'some are wrong' | 'all are right'): Promise<string | null> {
    const { store, disk, haproxy, template } = this.#world;
    const entries = store.entries;
    if (how === 'all are right' || !entries.some(({ value }) => isWrong(value))) {
      const catalog = new Catalog(OPTIONS);
      catalog.replace(entries);
      const text = await textOf(catalog, template);
      const wanted = this.#mode === 'file' ? text : withMark(text);
      if (disk.config !== wanted) {
        const found =
          disk.config === null
            ? 'there is none'
            : (difference(serversOf(text), serversOf(disk.config)) ?? 'it differs beside the servers');
        return `the file is not what is wanted: ${found}`;
      }
    }
    if (disk.config === null) {
      return entries.length === 0 ? null : 'there is no file';
    }
    const lost = how === 'some are wrong' ? unhurt(entries, serversOf(disk.config)) : null;
    if (lost !== null) {
      return `others are hurt by what is wrong: ${lost}`;
    }
    const refused = faultsOf(disk.config);
    if (refused.length > 0) {
      return `the file is one that HAProxy refuses: ${refused[0]?.words}`;
    }
    if (this.#mode === 'file') {
      return null;
    }
    if (!haproxy.worker) {
      return 'HAProxy does not run';
    }
    const differs = difference(serversOf(disk.config), haproxy.worker.servers);
    if (differs !== null) {
      return `HAProxy does not run the file: ${differs}`;
    }
    if (
      this.#mode === 'seen' &&
      disk.config !== withMark('') &&
      !disk.config.includes(`(${haproxy.worker.mark})`)
    ) {
      return `HAProxy's mark is ${haproxy.worker.mark}, not that of the file`;
    }
    return null;
  }
}

/** How the servers of services with nothing wrong in them differ from what is registered; null where they do not. */
function unhurt(entries: readonly Entry[], found: Servers): string | null {
  const catalog = new Catalog(OPTIONS);
  catalog.replace(entries);
  const hurt = new Set(entries.filter(({ value }) => isWrong(value)).map(({ key }) => key.split('/')[2]));
  const claimed = new Set(
    catalog.rejected.flatMap(({ key, other = key }) => [key, other]).map((key) => key.split('/')[2]),
  );
  for (const { name, instances } of catalog.services) {
    if (hurt.has(name) || claimed.has(name)) {
      continue;
    }
    const wanted = instances.map(
      ({ id, address, weight }) => [id, { address, weight: weight ?? 1 }] as const,
    );
    const backend = `be_${name}`;
    const there = found.get(backend);
    const differs = difference(
      new Map([[backend, new Map(wanted)]]),
      new Map(there ? [[backend, there]] : []),
    );
    if (differs !== null) {
      return differs;
    }
  }
  return null;
}

/** Values that somebody refuses. */
function isWrong(value: string): boolean {
  return /bogus|many|twin|nothing of ours/.test(value);
}

function describe(event: PointsmanEvent): string {
  switch (event.kind) {
    case 'pass': {
      const { outcome, triggers, reasons, error, hashes } = event;
      const why = reasons.length > 0 ? ` (${reasons.slice(0, 2).join('; ')})` : '';
      return `pass: ${outcome} ${hashes.text ?? ''}${why}${error === null ? '' : `: ${error}`} <- ${triggers.join(', ')}`;
    }
    default: {
      const { kind, ...rest } = event;
      const words = JSON.stringify(rest, (_, value: unknown) =>
        typeof value === 'bigint' ? String(value) : value,
      );
      return `${kind} ${words.length > 300 ? `${words.slice(0, 300)}…` : words}`;
    }
  }
}
