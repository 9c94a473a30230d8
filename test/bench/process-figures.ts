import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** CPU of a process since its start, in milliseconds. */
export interface Cpu {
  /** Of the process itself, all of its threads. */
  readonly own: number;
  /** Of its ended children: `haproxy -c`. 10 ms coarse. */
  readonly children: number;
}

/** The same as `utime + stime` of `/proc/PID/stat`, from where the kernel tells it to the nanosecond. */
export async function cpuOf(pid: number): Promise<Cpu> {
  const tasks = await readdir(`/proc/${pid}/task`);
  // A thread may end in between.
  const spent = await Promise.all(
    tasks.map((task) => readFile(`/proc/${pid}/task/${task}/schedstat`, 'utf8').catch(() => '0')),
  );
  const own = spent.reduce((sum, text) => sum + Number(text.split(' ')[0]), 0) / 1e6;
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const [cutime = 0, cstime = 0] = fields.slice(13, 15);
  return { own, children: (cutime + cstime) * 10 };
}

/** Megabytes of resident memory. */
export async function rssOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1024);
}

/** Milliseconds of CPU per second while nothing happens. */
export async function idleCpuOf(pid: number, seconds: number): Promise<number> {
  const begin = performance.now();
  const before = await cpuOf(pid);
  await sleep(seconds * 1000);
  const after = await cpuOf(pid);
  return ((after.own - before.own) / (performance.now() - begin)) * 1000;
}

/** What `count` pieces of work cost each, in milliseconds, without the idle watching beside them. */
export async function costOf(
  work: () => Promise<void>,
  options: { readonly pid: number; readonly count: number; readonly idle: number },
): Promise<Cpu> {
  const { pid, count, idle } = options;
  const begin = performance.now();
  const before = await cpuOf(pid);
  await work();
  const after = await cpuOf(pid);
  const watching = (idle * (performance.now() - begin)) / 1000;
  return {
    own: (after.own - before.own - watching) / count,
    children: (after.children - before.children) / count,
  };
}

/** A quantile by nearest rank, whole. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return Math.round(sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN);
}

/** To one digit behind the point. */
export function tenths(value: number): number {
  return Math.round(value * 10) / 10;
}
