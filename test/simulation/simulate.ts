import type { PointsmanEvent } from '../../src/events.ts';
import { useClock } from '../../src/ports/clock.ts';
import { type Action, actionsOf, PAUSE_KEY, sourceActionsOf, type Timed } from './actions.ts';
import { coreOf } from './core.ts';
import { ONE_SOURCE, type SourceRank } from './fake-stores.ts';
import { happen } from './happen.ts';
import { Life } from './life.ts';
import { portsOf } from './ports.ts';
import { Random } from './random.ts';
import { differsFromWanted, isWrong } from './settled.ts';
import { type Violation, Watcher } from './watcher.ts';
import { type Mode, World } from './world.ts';

/** What is simulated. */
export interface SimulationOptions {
  readonly seed: number | string;
  /** What happens; without it what the seed says. */
  readonly actions?: readonly Timed[];
  readonly mode?: Mode;
  /** Where keys come from. @default what the seed says; one, where what happens is given */
  readonly sources?: readonly SourceRank[];
  /** Gets the story, line by line. */
  readonly tell?: (line: string) => void;
}

/** How a simulation ended. */
export interface SimulationResult {
  readonly seed: number | string;
  readonly mode: Mode;
  readonly sources: readonly SourceRank[];
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
  readonly #sources: readonly SourceRank[];
  #life: Life;
  #lives = 0;

  constructor({ seed, actions, mode, sources, tell }: SimulationOptions) {
    const random = new Random(String(seed));
    this.#seed = seed;
    this.#random = random;
    const modes = random.stream('mode');
    this.#mode =
      mode ?? modes.pick<Mode>(['seen', 'seen', 'seen', 'seen', 'seen', 'unseen', 'unseen', 'file']);
    this.#sources = sources ?? (actions ? ONE_SOURCE : sourcesOf(random.stream('sources')));
    this.#actions = actions ?? allActionsOf(random, this.#sources.length);
    const say = tell ? (what: string) => tell(`${this.#clock()} ${what}`) : () => {};
    this.#world = new World({ random, mode: this.#mode, sources: this.#sources, say });
    this.#life = new Life(this.#world, random);
    this.#watcher = new Watcher(this.#world, () => this.#life.isAlive && !this.#life.stop.signal.aborted);
    this.#world.time.onStuck = () => this.#stuck();
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
    const tail = this.#random.stream('tail').pick([2000, 45_000]);
    await time.pass((this.#actions.at(-1)?.at ?? 0) + tail, isOver);
    this.#world.say('from here on nothing goes wrong any more');
    this.#calm();
    await this.#settle(isOver);
    if (this.#areSomeWrong()) {
      this.#world.say('what is wrong is put right');
      this.#correct();
      await this.#settle(isOver);
    }
    const { violation } = this.#watcher;
    const [seed, mode, sources, actions] = [this.#seed, this.#mode, this.#sources, this.#actions];
    return { seed, mode, sources, actions, violation, ms: time.now };
  }

  /** Until nothing happens any more: then nothing may be in trouble. */
  async #settle(isOver: () => boolean): Promise<void> {
    const { time, disk } = this.#world;
    // A hold of the whole store ends by a person alone.
    time.after(40_000, () => {
      disk.releaseAsked = disk.holds.length > 0;
    });
    const end = time.now + SETTLE;
    this.#watcher.lastDeed = time.now;
    for (;;) {
      await time.pass(Math.min(end, this.#watcher.lastDeed + QUIET), isOver);
      if (this.#watcher.violation) {
        return;
      }
      const found = await differsFromWanted(this.#world, this.#world.stores.entries);
      const isQuiet = time.now - this.#watcher.lastDeed >= QUIET;
      if (found === null && isQuiet) {
        return;
      }
      if (isQuiet) {
        this.#watcher.violate(`nothing happens any more, but ${found}`);
        return;
      }
      // With nothing that was ever accepted, what is wrong with most is taken for the template's fault.
      if (time.now >= end && disk.config === null && this.#areSomeWrong()) {
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
    this.#watcher.touched();
    happen(action, {
      world: this.#world,
      watcher: this.#watcher,
      kill: ({ steps, at, ms }) =>
        this.#life.killAfter(steps, () => this.#world.time.after(ms, () => this.#begin()), at),
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
    const core = coreOf(ports, this.#world, emit);
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

  /** Work without an end would keep time from passing: it is ended. */
  #stuck(): void {
    this.#watcher.violate('it works on and on, and no time passes');
    this.#life.ended();
    this.#life.stop.abort(new Error('no time passes'));
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
    this.#world.stores.write(new Map([[PAUSE_KEY, null]]));
    this.#world.setTemplate(this.#world.template === 'second' ? 'second' : 'first');
    this.#life.killAfter(Number.POSITIVE_INFINITY, () => {});
    this.#restart = 100;
    this.#watcher.touched();
  }

  #areSomeWrong(): boolean {
    return this.#world.stores.all.some(({ entries }) => entries.some(({ value }) => isWrong(value)));
  }

  #correct(): void {
    this.#world.stores.delete(({ value }) => isWrong(value));
  }
}

/** Most worlds have one source. */
function sourcesOf(random: Random): readonly SourceRank[] {
  const count = random.pick([1, 1, 1, 1, 1, 2, 2, 3]);
  return count === 1 ? ONE_SOURCE : Array.from({ length: count }, () => ({ optional: random.chance(0.25) }));
}

function allActionsOf(random: Random, sources: number): readonly Timed[] {
  const actions = actionsOf(random.stream('actions'));
  if (sources === 1) {
    return actions;
  }
  const more = sourceActionsOf(random.stream('source actions'), { sources, ms: actions.at(-1)?.at ?? 0 });
  return [...actions, ...more].sort((one, other) => one.at - other.at);
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
