import { setTimeout as sleep } from 'node:timers/promises';
import type { TestEtcd } from '../support/etcd.ts';
import { type Burst, burst } from './burst.ts';
import { type Bench, type DaemonOptions, startBench } from './daemon.ts';
import { type EqualPuts, equalPuts } from './equal-puts.ts';
import { costOf, idleCpuOf, quantile, rssOf, tenths } from './process-figures.ts';

/** A little over the default `pace.reloadInterval`, so that no reload waits for the one before it. */
const BETWEEN_MS = 2200;
/** Changes at run time wait for nothing; the file has followed by then. */
const BETWEEN_AT_RUN_TIME_MS = 1300;
/** The changes whose CPU is measured: so many, so far apart. */
const COSTED = { changes: 40, everyMs: 300 };
const IDLE_SECONDS = 8;

/** What one size gave. Times in milliseconds, memory in MB. */
export interface Figures {
  /** From the start of the process to the published file. */
  readonly 'first file': number;
  readonly 'put, median': number;
  readonly 'put, p95': number;
  readonly 'delete, median': number;
  readonly 'delete, p95': number;
  readonly failed: number;
  /** Of Pointsman itself, per second, while nothing changes. */
  readonly 'idle CPU/s': number;
  /** Of Pointsman itself, without haproxy -c and without the idle watching. */
  readonly 'CPU/change': number;
  /** Of the haproxy -c that it starts. */
  readonly 'checks/change': number;
  readonly RSS: number;
}

/** The figures of one size, by what was measured. */
export interface Measured {
  readonly single: Figures;
  readonly burst: Burst | null;
  readonly equal: EqualPuts;
}

/** Measures one size; the burst only where reloads are not what is measured. */
export async function measure(
  options: DaemonOptions & { readonly rounds: number; readonly burst: boolean },
): Promise<Measured> {
  const { etcd, rounds } = options;
  await using bench = await startBench(options);
  const { pid } = bench.daemon;
  await sleep(BETWEEN_MS);
  const between = options.apply === 'reload' ? BETWEEN_MS : BETWEEN_AT_RUN_TIME_MS;
  const times = await singles(bench, etcd, { rounds, between });
  // The cache is written a while after a change: 5 s, and 1 ms for each key.
  const cached = 6000 + options.services * options.instances;
  await sleep(cached);
  const idle = await idleCpuOf(pid, IDLE_SECONDS);
  const cost = await costOf(() => toggles(bench, etcd), { pid, idle, count: COSTED.changes });
  await sleep(cached);
  const equal = await equalPuts(bench, etcd, idle);
  const many = options.burst ? await burst(bench, etcd) : null;
  return {
    single: {
      'first file': Math.round(bench.firstFile),
      ...times,
      'idle CPU/s': tenths(idle),
      'CPU/change': tenths(cost.own),
      'checks/change': tenths(cost.children),
      RSS: await rssOf(pid),
    },
    burst: many,
    equal,
  };
}

/** Puts and deletes, one at a time: until the first answer of the instance, and until the last one. */
async function singles(
  bench: Bench,
  etcd: TestEtcd,
  { rounds, between }: { readonly rounds: number; readonly between: number },
) {
  const puts: number[] = [];
  const deletes: number[] = [];
  let failed = 0;
  for (let round = 0; round < rounds; round++) {
    const key = `/services/probe/moving-${round}`;
    const put = performance.now();
    await etcd.put(key, bench.moving.address);
    while ((await bench.ask()).body !== 'moving') {}
    puts.push(performance.now() - put);
    await sleep(between);
    const gone = performance.now();
    await etcd.delete(key);
    let last = gone;
    for (let others = 0; others < 100; ) {
      const { body, status } = await bench.ask();
      if (status !== 200) {
        failed++;
      }
      others = body === 'moving' ? 0 : others + 1;
      if (body === 'moving') {
        last = performance.now();
      }
    }
    deletes.push(last - gone);
    await sleep(between);
  }
  return {
    'put, median': quantile(puts, 0.5),
    'put, p95': quantile(puts, 0.95),
    'delete, median': quantile(deletes, 0.5),
    'delete, p95': quantile(deletes, 0.95),
    failed,
  };
}

/** An instance comes and goes. */
async function toggles({ moving }: Bench, etcd: TestEtcd): Promise<void> {
  for (let change = 0; change < COSTED.changes; change++) {
    const end = performance.now() + COSTED.everyMs;
    const key = `/services/probe/costed-${change >> 1}`;
    if (change % 2 === 0) {
      await etcd.put(key, moving.address);
    } else {
      await etcd.delete(key);
    }
    await sleep(end - performance.now());
  }
}
