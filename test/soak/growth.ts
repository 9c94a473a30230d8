import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { request } from '../support/haproxy.ts';
import type { World } from './world.ts';

/** Pointsman at one moment. */
interface Sample {
  /** Seconds since the beginning. */
  readonly at: number;
  readonly pid: number;
  readonly rssMb: number;
  readonly descriptors: number;
  /** Of HAProxy's master. */
  readonly masterDescriptors: number;
}

/** How one life of Pointsman grew, and HAProxy's master with it. */
export interface Growth {
  /** Seconds of it. */
  readonly seconds: number;
  /** The medians of the two halves of what comes after the warm-up, and the most ever. */
  readonly rssMb: { readonly first: number; readonly second: number; readonly most: number };
  /** A few seconds after the begin, and at the end, when it is quiet. */
  readonly descriptors: { readonly begin: number; readonly end: number };
  readonly masterDescriptors: { readonly begin: number; readonly end: number };
}

const EVERY = 1000;
/** Seconds in which memory grows because code is loaded and compiled. */
const WARM_UP = 20;
/** Samples of a life that can be judged at all. */
const FEWEST = 12;
/** Seconds; a shorter life is not judged by its memory. */
const TELLING = 60;
/** MB between the medians of the two halves. What V8 keeps for a while comes and goes by less. */
const MOST_RSS_GROWTH = 12;
/** Descriptors come and go with requests, checks and connections. */
const LOOSE = 6;

/** Samples Pointsman while it runs, and counts what its lives did. */
export class Gauge implements AsyncDisposable {
  readonly #world: World;
  readonly #samples: Sample[] = [];
  readonly #outcomes = new Map<number, Map<string, number>>();
  readonly #end = new AbortController();
  readonly #running: Promise<void>;

  constructor(world: World) {
    this.#world = world;
    this.#running = this.#run();
  }

  /** Passes by outcome, over all lives. A life that was killed loses what it did in its last second. */
  get outcomes(): Map<string, number> {
    const all = new Map<string, number>();
    for (const life of this.#outcomes.values()) {
      for (const [outcome, count] of life) {
        all.set(outcome, (all.get(outcome) ?? 0) + count);
      }
    }
    return all;
  }

  /** How the present life of Pointsman grew, and HAProxy's master since the begin. */
  growth(): Growth | null {
    const life = this.#samples.filter(({ pid }) => pid === this.#world.daemon.pid);
    const [first, last] = [life[0], life.at(-1)];
    if (!first || !last || life.length < FEWEST) {
      return null;
    }
    const from = Math.min(first.at + WARM_UP, (first.at + last.at) / 2);
    const middle = (from + last.at) / 2;
    const rss = (of: readonly Sample[]) => median(of.map(({ rssMb }) => rssMb));
    const ends = (of: readonly Sample[], read: (sample: Sample) => number) => ({
      begin: median(of.slice(2, 7).map(read)),
      end: median(of.slice(-4).map(read)),
    });
    return {
      seconds: last.at - first.at,
      rssMb: {
        first: rss(life.filter(({ at }) => at >= from && at < middle)),
        second: rss(life.filter(({ at }) => at >= middle)),
        most: Math.max(...life.map(({ rssMb }) => rssMb)),
      },
      descriptors: ends(life, ({ descriptors }) => descriptors),
      masterDescriptors: ends(this.#samples, ({ masterDescriptors }) => masterDescriptors),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#end.signal.aborted) {
      await this.#look().catch(() => undefined);
      await sleep(EVERY, undefined, { signal: this.#end.signal }).catch(() => undefined);
    }
  }

  async #look(): Promise<void> {
    const { daemon, haproxy, site, story } = this.#world;
    const { pid } = daemon;
    const sample = {
      ...{ at: story.now, pid, rssMb: await rssMbOf(pid) },
      descriptors: await descriptorsOf(pid),
      masterDescriptors: await descriptorsOf(haproxy.pid),
    };
    const { body } = await request(`http://127.0.0.1:${site.statusPort}/metrics`);
    if (daemon !== this.#world.daemon) {
      return;
    }
    this.#samples.push(sample);
    const found = body.matchAll(/^pointsman_passes_total\{outcome="([^"]+)"\} (\d+)$/gm);
    this.#outcomes.set(pid, new Map([...found].map(([, outcome = '', count]) => [outcome, Number(count)])));
  }
}

/** What is wrong with a growth. */
export function judgeGrowth(growth: Growth): string[] {
  const { rssMb, descriptors, masterDescriptors, seconds } = growth;
  const wrong: string[] = [];
  if (seconds >= TELLING && rssMb.second > rssMb.first + MOST_RSS_GROWTH) {
    wrong.push(`memory grew from ${rssMb.first} to ${rssMb.second} MB, by more than ${MOST_RSS_GROWTH}`);
  }
  const check = (who: string, { begin, end }: { begin: number; end: number }) => {
    if (end > begin + LOOSE) {
      wrong.push(`the descriptors of ${who} grew from ${begin} to ${end}`);
    }
  };
  check('Pointsman', descriptors);
  check("HAProxy's master", masterDescriptors);
  return wrong;
}

async function rssMbOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN) / 102.4) / 10;
}

async function descriptorsOf(pid: number): Promise<number> {
  return (await readdir(`/proc/${pid}/fd`)).length;
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
}
