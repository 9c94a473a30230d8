/**
 * sh scripts/node.sh test/bench/ledger.ts: what the ledger costs for each change of a server, at 30, 1,000 and 10,000 servers, over
 * so many that a new segment begins a few times. The texts are joined, flat and hashed before the clock starts, as a pass
 * leaves them. `in the pass` is what a pass waits for; `beside it` the CPU of the whole process until it is on the disk, the
 * packing of the base of a segment included; `longest turn` the most CPU for which nothing else got its turn: of every third
 * change, since looking at it costs CPU as well.
 */
import { hash } from 'node:crypto';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { PassEvent } from '../../src/events.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import { samplePass } from '../status/sample-pass.ts';

const SIZES: readonly (readonly [backends: number, servers: number])[] = [
  [10, 3],
  [100, 10],
  [500, 20],
];
const ROUNDS = 350;
const WARM = 50;

/** A text without a tree of pieces behind it. */
function flat(text: string): string {
  return Buffer.from(text).toString('latin1');
}

function backend(b: number, servers: number, round: number): string {
  let text = `\nbackend be_service-${b} from http\n  timeout server 60s\n`;
  for (let s = 0; s < servers; s++) {
    const host = `10.${s === 1 ? 2 + (round % 200) : 1}.${Math.floor(b / 250)}.${(b % 250) + 1}`;
    text += `  server instance-${b}-${s} ${host}:${20_000 + ((b * 20 + s) % 40_000)} check weight 10\n`;
  }
  return flat(text);
}

async function measure([backends, servers]: readonly [number, number]) {
  const stateDir = await mkdtemp(path.join(tmpdir(), 'pm-'));
  const ledger = new Ledger({ stateDir, file: '/etc/haproxy/haproxy.cfg', emit: () => {} });
  const parts = Array.from({ length: backends }, (_, b) => backend(b, servers, 0));
  const head = flat('defaults http\n  mode http\nfrontend public from http\n  bind :80\n');
  let before = head + parts.join('');
  const [inPass, beside, turns]: [number[], number[], number[]] = [[], [], []];
  for (let round = 1; round <= ROUNDS; round++) {
    const b = (round * 37) % backends;
    parts[b] = backend(b, servers, round);
    let wanted = head;
    for (const part of parts) {
      wanted += part;
    }
    const text = hash('sha256', wanted).slice(0, 16);
    const { hashes } = samplePass();
    const pass: PassEvent = samplePass({
      outcome: 'runtime',
      changes: [`service-${b}: instance-${b}-1 -> 10.${2 + (round % 200)}.0.1`],
      hashes: { ...hashes, text },
      reload: null,
    });
    await new Promise((resolve) => setTimeout(resolve, 2));
    const begun = performance.now();
    ledger.note({ before, wanted, services: [`service-${b}`], rollback: null });
    ledger.listener(pass);
    const over = performance.now();
    const cpu = process.cpuUsage();
    const longest = round % 3 === 0 ? await longestTurn(ledger.idle()) : null;
    await ledger.idle();
    const { user, system } = process.cpuUsage(cpu);
    before = wanted;
    if (round <= WARM) {
      continue;
    }
    inPass.push(over - begun);
    if (longest === null) {
      beside.push((user + system) / 1000);
    } else {
      turns.push(longest);
    }
  }
  const folder = path.join(stateDir, 'history');
  const sizes = await Promise.all(
    (await readdir(folder)).map(async (name) => (await stat(path.join(folder, name))).size),
  );
  await ledger[Symbol.asyncDispose]();
  await rm(stateDir, { recursive: true });
  const sum = (all: readonly number[]) => all.reduce((total, one) => total + one, 0);
  return {
    'in the pass (ms, p50)': rounded(at(inPass, 0.5)),
    'p99 ': rounded(at(inPass, 0.99)),
    'beside it (CPU ms, mean)': rounded(sum(beside) / beside.length),
    p50: rounded(at(beside, 0.5)),
    'longest turn (ms, p50)': rounded(at(turns, 0.5)),
    most: rounded(Math.max(...turns)),
    'bytes a change': Math.round(sum(sizes) / ROUNDS),
  };
}

/** Milliseconds of CPU of the longest turn until it is done. */
async function longestTurn(work: Promise<void>): Promise<number> {
  let [isDone, longest] = [false, 0];
  void work.then(() => {
    isDone = true;
  });
  for (let last = ours(); !isDone; ) {
    await new Promise((resolve) => setImmediate(resolve));
    const now = ours();
    longest = Math.max(longest, now - last);
    last = now;
  }
  return longest;
}

/** Milliseconds of CPU of this thread so far. */
function ours(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

function at(all: readonly number[], share: number): number {
  return all.toSorted((one, other) => one - other)[Math.floor(all.length * share)] ?? 0;
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}

const rows: [string, object][] = [];
for (const size of SIZES) {
  rows.push([`${size[0] * size[1]} servers`, await measure(size)]);
}
console.table(Object.fromEntries(rows));
