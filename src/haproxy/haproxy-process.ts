import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

/** What /proc says of a process, as far as it tells a haproxy master. */
export interface ProcessFacts {
  readonly pid: number;
  readonly parent: number;
  /** The program's name: `haproxy`. */
  readonly name: string;
  readonly args: readonly string[];
  /** It was stopped by a signal and waits for SIGCONT. */
  readonly stopped: boolean;
  /** Changes whenever the process executes a program anew, as a haproxy master does for each reload. */
  readonly image: string;
}

/** Reads /proc. Null where there is no such process here, or it has ended already (a zombie). */
export async function processFacts(pid: number): Promise<ProcessFacts | null> {
  try {
    const [stat, cmdline] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'latin1'),
      readFile(`/proc/${pid}/cmdline`, 'utf8'),
    ]);
    const name = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'));
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') {
      return null;
    }
    // proc(5): start_code, end_code and start_stack: the addresses that a new image gets by chance.
    const image = [...fields.slice(23, 26), cmdline].join(' ');
    return {
      pid,
      parent: Number(fields[1]),
      name,
      args: cmdline.split('\0').slice(0, -1),
      stopped: fields[0] === 'T',
      image,
    };
  } catch {
    return null;
  }
}

/** Whether a process is a haproxy by its name or its program. */
export function isHaproxy(facts: ProcessFacts): boolean {
  return facts.name.startsWith('haproxy') || path.basename(facts.args[0] ?? '').startsWith('haproxy');
}

/** Whether a haproxy with this pid lives in our PID namespace. */
export async function haproxyLives(pid: number): Promise<boolean> {
  const facts = await processFacts(pid);
  return facts !== null && isHaproxy(facts);
}

/** What the absence of an answer means, where the master of before can be looked up: it loads, or it has ended. */
export async function livesOrGone(master: number | null): Promise<'busy' | 'gone'> {
  return master !== null && (await haproxyLives(master)) ? 'busy' : 'gone';
}

/** The haproxy master of a worker; the worker itself where it has none. Null where it is not in our sight. */
export async function masterOfWorker(worker: number): Promise<number | null> {
  const facts = await processFacts(worker);
  if (!facts || !isHaproxy(facts)) {
    return null;
  }
  return (await haproxyLives(facts.parent)) ? facts.parent : worker;
}

/** The haproxy children of a process: a master's workers, old ones included. */
export async function workersOf(master: number): Promise<readonly number[]> {
  const all = await Promise.all((await childrenOf(master)).map(processFacts));
  return all.flatMap((one) => (one !== null && one.parent === master && isHaproxy(one) ? [one.pid] : []));
}

/** Where the kernel does not list a process's children (CONFIG_PROC_CHILDREN), everything is looked through. */
async function childrenOf(pid: number): Promise<readonly number[]> {
  const listed = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => null);
  if (listed !== null) {
    return listed.split(' ').filter(Boolean).map(Number);
  }
  return (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
}

/**
 * Lets stopped workers of a master go on. Where a new worker dies at once (a missing chroot), the old one is
 * sometimes left stopped (2.6 and 3.0): then the master waits for its end for ever, refuses to talk, and
 * nobody answers requests.
 */
export async function continueStopped(master: number): Promise<void> {
  for (const pid of await workersOf(master)) {
    const facts = await processFacts(pid);
    if (!facts?.stopped || facts.parent !== master) {
      continue;
    }
    try {
      process.kill(pid, 'SIGCONT');
    } catch {
      // It ended meanwhile, or is another user's: then nothing can be done for it.
    }
  }
}

/** What stands behind the pid of a pid file. */
export type MasterSearch =
  | { readonly kind: 'master'; readonly facts: ProcessFacts; readonly workers: readonly number[] }
  /** Nothing to signal; `cause` says what was found and what to do. */
  | { readonly kind: 'none'; readonly cause: string };

/**
 * Recognises the haproxy master that a pid file names: a haproxy that runs as master (`-W`, `-Ws`, or
 * `master-worker` in its file: it has haproxy children) and is no worker of one. Anything else must not get a
 * SIGUSR2: it would end a stranger.
 */
export async function findMaster(pidFile: string): Promise<MasterSearch> {
  const text = await readFile(pidFile, 'utf8').catch((error: NodeJS.ErrnoException) => error);
  if (text instanceof Error) {
    const reason = text.code === 'ENOENT' ? 'there is no such file' : text.message;
    return none(pidFile, reason, 'Start HAProxy with -W -p and this path, or correct haproxy.pidFile.');
  }
  const pid = Number(/^\s*(\d+)/.exec(text)?.[1] ?? 0);
  if (pid <= 1 && text.trim() !== '1') {
    return none(pidFile, `it holds no pid but "${text.trim().slice(0, 40)}"`, 'Correct haproxy.pidFile.');
  }
  const facts = await processFacts(pid);
  if (!facts) {
    const hint =
      'Start HAProxy; where it runs in another container, share its PID namespace or use master-socket.';
    return none(pidFile, `no process ${pid} lives here`, hint);
  }
  if (!isHaproxy(facts)) {
    const hint =
      'Nothing was sent to it. The pid is an old one or of another PID namespace: use master-socket there.';
    return none(pidFile, `process ${pid} is no haproxy but "${facts.name}"`, hint);
  }
  const parent = await processFacts(facts.parent);
  if (parent && isHaproxy(parent)) {
    const hint = 'Nothing was sent to it. Write the pid file with -p, or correct haproxy.pidFile.';
    return none(pidFile, `process ${pid} is a worker of the haproxy master ${parent.pid}`, hint);
  }
  const workers = await workersOf(pid);
  if (workers.length > 0) {
    return { kind: 'master', facts, workers };
  }
  if (facts.args.some((arg) => arg === '-W' || arg === '-Ws')) {
    return none(pidFile, `the haproxy master ${pid} has no worker yet`, 'Look at its log if this stays so.');
  }
  const hint = 'Nothing was sent to it. Start it with -W: only a master can load its file anew.';
  return none(pidFile, `haproxy ${pid} runs without a master`, hint);
}

function none(pidFile: string, found: string, hint: string): MasterSearch {
  return { kind: 'none', cause: `reading ${pidFile}: ${found}. ${hint}` };
}
