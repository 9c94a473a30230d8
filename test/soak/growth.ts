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
  readonly rssMb: { readonly warm: number; readonly end: number; readonly most: number };
  /** MB a minute over the second half; null where the life was too short to say. */
  readonly slope: number | null;
  readonly descriptors: { readonly warm: number; readonly end: number };
  readonly masterDescriptors: { readonly warm: number; readonly end: number };
}

const EVERY = 1000;
/** Until then memory grows because code is loaded and compiled. */
const WARM_UP = 15;
/** A shorter life is not judged by its memory. */
const TELLING = 60;
const MOST_RSS_GROWTH = { share: 0.25, mb: 15 };
const MOST_MB_PER_MINUTE = 4;
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
      for (const [outcome, count] of life) all.set(outcome, (all.get(outcome) ?? 0) + count);
    }
    return all;
  }

  /** How the present life grew. */
  growth(): Growth | null {
    const life = this.#samples.filter(({ pid }) => pid === this.#world.daemon.pid);
    const [first, last] = [life[0], life.at(-1)];
    if (!first || !last) return null;
    const seconds = last.at - first.at;
    const from = first.at + Math.min(WARM_UP, seconds / 3);
    const warm = life.filter(({ at }) => at >= from).slice(0, 8);
    const end = life.slice(-4);
    const later = life.filter(({ at }) => at >= first.at + seconds / 2);
    const pair = (read: (sample: Sample) => number) => ({
      warm: median(warm.map(read)),
      end: median(end.map(read)),
    });
    return {
      seconds,
      rssMb: { ...pair(({ rssMb }) => rssMb), most: Math.max(...life.map(({ rssMb }) => rssMb)) },
      slope: seconds < TELLING * 1.5 ? null : slopeOf(later) * 60,
      descriptors: pair(({ descriptors }) => descriptors),
      masterDescriptors: pair(({ masterDescriptors }) => masterDescriptors),
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
    if (daemon !== this.#world.daemon) return;
    this.#samples.push(sample);
    const found = body.matchAll(/^pointsman_passes_total\{outcome="([^"]+)"\} (\d+)$/gm);
    this.#outcomes.set(pid, new Map([...found].map(([, outcome = '', count]) => [outcome, Number(count)])));
  }
}

/** What is wrong with a growth. */
export function judgeGrowth(growth: Growth): string[] {
  const { rssMb, slope, descriptors, masterDescriptors, seconds } = growth;
  const wrong: string[] = [];
  const most = rssMb.warm * (1 + MOST_RSS_GROWTH.share) + MOST_RSS_GROWTH.mb;
  if (seconds >= TELLING && rssMb.end > most) wrong.push(`memory grew from ${rssMb.warm} to ${rssMb.end} MB`);
  if (slope !== null && slope > MOST_MB_PER_MINUTE)
    wrong.push(`memory grows by ${slope.toFixed(1)} MB a minute`);
  const check = (who: string, { warm, end }: { warm: number; end: number }) => {
    if (end > warm + LOOSE) wrong.push(`the descriptors of ${who} grew from ${warm} to ${end}`);
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

/** MB a second, by least squares. */
function slopeOf(samples: readonly Sample[]): number {
  const mean = (read: (one: Sample) => number) =>
    samples.reduce((sum, one) => sum + read(one), 0) / samples.length;
  const [at, mb] = [mean((one) => one.at), mean(({ rssMb }) => rssMb)];
  const over = samples.reduce((sum, one) => sum + (one.at - at) * (one.rssMb - mb), 0);
  const under = samples.reduce((sum, one) => sum + (one.at - at) ** 2, 0);
  return over / under;
}
