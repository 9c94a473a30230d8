import { setTimeout as sleep } from 'node:timers/promises';
import type { HaproxyControl, ReloadOutcome } from '../ports/haproxy.ts';
import { ourUser } from '../system/our-user.ts';
import { controlForeign } from './control-foreign.ts';
import type { ControlSettings } from './control-settings.ts';
import { findMaster, livesOrGone, type MasterSearch, processFacts, workersOf } from './haproxy-process.ts';
import { seeWorker, usedSocket } from './stats-socket.ts';

/** What mode `signal` needs. */
export type SignalSettings = Pick<ControlSettings, 'pidFile' | 'statsSocket' | 'configPath' | 'around'>;

type Master = Extract<MasterSearch, { kind: 'master' }>;

/**
 * Controls a HAProxy that somebody else runs in the same PID namespace: SIGUSR2 to the master that the pid file
 * names, and only to a haproxy master. What came of it is seen on the stats socket, or else by the new worker.
 */
export function controlBySignal({
  pidFile,
  statsSocket,
  configPath,
  around,
}: SignalSettings): HaproxyControl {
  let lastMaster: number | null = null;
  return controlForeign({
    around,
    state: async (signal) => {
      const found = await findMaster(pidFile);
      if (found.kind === 'none') {
        return { kind: 'away', cause: found.cause };
      }
      lastMaster = found.facts.pid;
      const { socket, unseen } = await usedSocket(statsSocket, configPath);
      const seen = socket === null ? null : await seeWorker(socket, signal);
      // The children of the master are the worker and those of before.
      const oldWorkers = Math.max(0, found.workers.length - 1);
      const newest = found.workers.reduce((last, pid) => Math.max(last, pid));
      return seen ? { ...seen, oldWorkers } : { ...unseen, pid: newest, oldWorkers };
    },
    reload: async (mark, signal) => {
      const master = await findPatiently(pidFile, signal);
      if (master.kind === 'none') {
        return { kind: 'away', cause: master.cause };
      }
      const { socket } = await usedSocket(statsSocket, configPath);
      return signalReload({ master, socket, mark, configPath }, signal);
    },
    absence: () => livesOrGone(lastMaster),
  });
}

/** A master that executes itself anew for somebody else's reload is not to be recognised for a moment. */
async function findPatiently(pidFile: string, signal: AbortSignal): Promise<MasterSearch> {
  for (let tries = 1; ; tries += 1) {
    const found = await findMaster(pidFile);
    if (found.kind === 'master' || tries === 4) {
      return found;
    }
    await sleep(60, undefined, { signal });
  }
}

interface SignalReload {
  readonly master: Master;
  /** The path of the stats socket, null where there is none to ask. */
  readonly socket: string | null;
  readonly mark: string;
  readonly configPath: string;
}

const TRIES = 5;

async function signalReload(reload: SignalReload, signal: AbortSignal): Promise<ReloadOutcome> {
  const { master, socket, configPath } = reload;
  const pid = master.facts.pid;
  // Where nobody answers on the socket before (an older text without it), it may do so afterwards.
  const answered = socket !== null && (await seeWorker(socket, signal)) !== null;
  const known = new Set(master.workers);
  const failed = (why: string) => ({ kind: 'failed', message: `loading ${configPath}: ${why}` }) as const;
  let lost = 0;
  for (let tries = 1; tries <= TRIES; tries += 1) {
    const image = (await processFacts(pid))?.image;
    if (image === undefined) {
      break;
    }
    const denied = sendReload(pid);
    if (denied !== null) {
      return failed(denied);
    }
    const result = await settle({ ...reload, image, known, answered }, signal);
    switch (result.kind) {
      case 'runs':
        return { kind: 'verified', pid: result.pid, tries, log: '' };
      case 'unseen':
        return { kind: 'unverified', log: `new worker ${result.pid}` };
      case 'failed':
        return failed(
          `the haproxy master ${pid} started no new worker and goes on with what it had; its own log says why`,
        );
      case 'gone':
        return failed(
          'HAProxy ended over it (its new worker died: a missing chroot, a limit); its own log says why',
        );
      case 'lost':
        lost += 1;
        break;
      case 'again':
    }
  }
  return failed(
    lost === TRIES
      ? `the haproxy master ${pid} did nothing at ${TRIES} signals. Look whether it is stopped; 3.1 to 3.3 before January 2026 hear none after a failed reload: restart HAProxy, or use mode master-socket`
      : `after ${TRIES} signals HAProxy does not run this text (mark ${reload.mark}); start it with -f and this very file`,
  );
}

/** Why the master may not be told; null where it was, or has just ended, which shows by itself. */
function sendReload(master: number): string | null {
  try {
    process.kill(master, 'SIGUSR2');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') {
      return null;
    }
    return `${ourUser()} may not signal the haproxy master ${master}. Run Pointsman as the user that started HAProxy, or as root, or use mode master-socket.`;
  }
  return null;
}

type Settled =
  | { readonly kind: 'runs' | 'unseen'; readonly pid: number }
  /** `again`: a load of before the signal ran instead. `lost`: the master did nothing at it. */
  | { readonly kind: 'failed' | 'gone' | 'again' | 'lost' };

/**
 * Milliseconds: a master takes the signal up at once or not at all; a load may take long. A master executes
 * itself to load, and once more when it has loaded or failed (2.6, 3.0): twice without a new worker is a failure. From
 * 3.1 on it executes itself once, and the new worker loads: it may end over that, and serves only afterwards.
 */
const LOST = 400;
const LOADING = 15_000;
const NO_WORKER = 1000;
const OTHER_TEXT = 1500;
const UNSEEN = 1000;

async function settle(
  reload: SignalReload & {
    readonly image: string;
    readonly known: ReadonlySet<number>;
    readonly answered: boolean;
  },
  signal: AbortSignal,
): Promise<Settled> {
  const started = Date.now();
  const pid = reload.master.facts.pid;
  let forked: number | null = null;
  let died: number | null = null;
  let image = reload.image;
  let executed = 0;
  let lastExecuted = started;
  for (;;) {
    await sleep(25, undefined, { signal });
    const now = Date.now();
    const facts = await processFacts(pid);
    if (!facts) {
      return { kind: 'gone' };
    }
    // In the middle of it there are no arguments, and that is no image of its own.
    if (facts.args.length > 0 && facts.image !== image) {
      image = facts.image;
      executed += 1;
      lastExecuted = now;
    }
    const fresh = (await workersOf(pid)).filter((one) => !reload.known.has(one)).at(-1);
    if (fresh !== undefined) {
      forked ??= now;
      died = null;
      const seen = reload.socket === null ? null : await seeWorker(reload.socket, signal);
      if (seen && !reload.known.has(seen.pid) && seen.mark === reload.mark) {
        return settled('runs', seen.pid, signal);
      }
      const loads = seen !== null && reload.known.has(seen.pid) && now - started <= LOADING;
      if (now - forked > OTHER_TEXT && !loads) {
        const blind = reload.socket === null || (seen === null && !reload.answered);
        return blind ? settled('unseen', fresh, signal) : { kind: 'again' };
      }
      if (reload.socket === null && now - forked > UNSEEN) {
        return settled('unseen', fresh, signal);
      }
    } else if (executed === 0 && now - started > LOST) {
      return { kind: 'lost' };
    } else if (forked !== null) {
      died ??= now;
      if (now - died > NO_WORKER) {
        return { kind: 'failed' };
      }
    } else if (now - started > LOADING || (executed > 1 && now - lastExecuted > NO_WORKER)) {
      return { kind: 'failed' };
    }
  }
}

/** A moment of peace, in which the master would lose the next signal. */
async function settled(kind: 'runs' | 'unseen', pid: number, signal: AbortSignal): Promise<Settled> {
  await sleep(100, undefined, { signal });
  return { kind, pid };
}
