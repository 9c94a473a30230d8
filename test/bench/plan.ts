/**
 * sh scripts/node.sh test/bench/plan.ts: what a plan costs, at 30, 1,000 and 10,000 servers. The texts are joined
 * from flat parts, as a template with memoized services gives them, and hashed before the clock starts: whoever
 * publishes a text has to do that anyway, and it makes the text flat (the last column is what that costs).
 */
import { hash } from 'node:crypto';
import { Planner } from '../../src/plan/planner.ts';

const SIZES: readonly (readonly [backends: number, servers: number])[] = [
  [10, 3],
  [100, 10],
  [500, 20],
];
const ROUNDS = 300;
const OPTIONS = { version: '2.6.12', maxCommands: 100_000 };

/** A text without a tree of pieces behind it. */
function flat(text: string): string {
  return Buffer.from(text).toString('latin1');
}

function head(): string {
  const checks = 'default-server inter 2s fastinter 500ms downinter 5s fall 3 rise 2';
  return flat(
    `defaults http\n  mode http\n  balance roundrobin\n  ${checks}\nfrontend public from http\n  bind :80\n`,
  );
}

/** `moved` servers of it have another address in each round. */
function backend(b: number, servers: number, moved: number, round: number): string {
  let text = `\nbackend be_service-${b} from http\n  timeout server 60s\n`;
  for (let s = 0; s < servers; s++) {
    const host = `10.${s < moved ? 2 + (round % 200) : 1}.${Math.floor(b / 250)}.${(b % 250) + 1}`;
    text += `  server instance-${b}-${s} ${host}:${20_000 + ((b * 20 + s) % 40_000)} check weight 10\n`;
  }
  return flat(text);
}

interface Case {
  readonly backends: readonly number[];
  /** Servers that change in each of them. */
  readonly moved: number;
}

function measure(
  size: readonly [number, number],
  { backends, moved }: Case,
): { plan: string; flatten: string } {
  const parts = Array.from({ length: size[0] }, (_, b) => backend(b, size[1], 0, 0));
  const first = head();
  const planner = new Planner(first + parts.join(''), OPTIONS);
  const times: number[] = [];
  const flattening: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const next = [...parts];
    for (const b of backends) {
      next[b] = backend(b, size[1], moved, round);
    }
    let text = first;
    for (const part of next) {
      text += part;
    }
    flattening.push(clock(() => hash('md5', text)));
    times.push(
      clock(() => {
        const { kind } = planner.plan(text);
        planner.moveTo(text);
        if (kind !== 'runtime') {
          throw new Error(`a plan was ${kind}`);
        }
      }),
    );
  }
  return { plan: `${at(times, 0.5)} (p95 ${at(times, 0.95)})`, flatten: at(flattening, 0.5) };
}

function clock(work: () => unknown): number {
  const begin = process.hrtime.bigint();
  work();
  return Number(process.hrtime.bigint() - begin) / 1e6;
}

function at(times: number[], share: number): string {
  times.sort((a, b) => a - b);
  return `${(times[Math.floor(times.length * share)] ?? 0).toFixed(2)} ms`;
}

const rows: Record<string, Record<string, string>> = {};
for (const size of SIZES) {
  const [backends, servers] = size;
  const text = flat(head() + Array.from({ length: backends }, (_, b) => backend(b, servers, 0, 0)).join(''));
  const middle = Math.floor(backends / 2);
  const tenth = Array.from({ length: backends / 10 }, (_, index) => index * 10);
  const one = measure(size, { backends: [middle], moved: 1 });
  rows[`${backends * servers} servers`] = {
    KiB: (text.length / 1024).toFixed(0),
    'new Planner': `${clock(() => new Planner(text, OPTIONS)).toFixed(2)} ms`,
    'one server': one.plan,
    'first and last': measure(size, { backends: [0, backends - 1], moved: 1 }).plan,
    'one in each tenth backend': measure(size, { backends: tenth, moved: 1 }).plan,
    'md5 of the text': one.flatten,
  };
}
console.table(rows);
