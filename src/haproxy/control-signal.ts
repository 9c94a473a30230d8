import { setTimeout as sleep } from 'node:timers/promises';
import type { HaproxyControl, HaproxyState, ReloadOutcome } from '../ports/haproxy.ts';
import { Serial } from '../ports/serial.ts';
import { ourUser } from '../system/our-user.ts';
import { findMaster, haproxyLives, type MasterSearch, processFacts, workersOf } from './haproxy-process.ts';
import { seeWorker } from './reload-by-socket.ts';
import type { RuntimeSocket } from './runtime-socket.ts';
import { stateBySocket, usedSocket } from './state-by-socket.ts';
import { watchState } from './watch-state.ts';

export interface SignalSettings {
  readonly pidFile: string;
  /** Null or empty for none: then a reload ends as `unverified`. */
  readonly statsSocket: string | null;
  /** The file that is published. */
  readonly configPath: string;
}

type Master = Extract<MasterSearch, { kind: 'master' }>;

/**
 * Controls a HAProxy that somebody else runs in the same PID namespace: SIGUSR2 to the master that the pid file
 * names, and only to a haproxy master. What came of it is seen on the stats socket, or else by the new worker.
 */
export function controlBySignal(settings: SignalSettings): HaproxyControl {
  const serial = new Serial();
  let lastMaster: number | null = null;
  const state = async (signal: AbortSignal): Promise<HaproxyState> => {
    const found = await findMaster(settings.pidFile);
    if (found.kind === 'none') {
      return { kind: 'away', cause: found.cause };
    }
    lastMaster = found.facts.pid;
    const used = await usedSocket(settings.statsSocket, settings.configPath);
    const seen = used.runtime && (await stateBySocket(used.runtime, signal));
    // The children of the master are the worker and those of before.
    const oldWorkers = Math.max(0, found.workers.length - 1);
    const newest = found.workers.reduce((last, pid) => Math.max(last, pid));
    if (seen) {
      return { ...seen, oldWorkers };
    }
    return { ...(used.runtime ? { kind: 'unseen' } : used.unseen), pid: newest, oldWorkers };
  };
  return {
    state,
    reload: (mark, signal) =>
      serial.run(async () => {
        const found = await findPatiently(settings.pidFile, signal);
        if (found.kind === 'none') {
          return { kind: 'away', cause: found.cause };
        }
        const { runtime } = await usedSocket(settings.statsSocket, settings.configPath);
        return signalReload({ master: found, runtime, mark, configPath: settings.configPath }, signal);
      }),
    watch: (signal) =>
      watchState(
        {
          state,
          idle: () => serial.idle(),
          absence: async () => (lastMaster !== null && (await haproxyLives(lastMaster)) ? 'busy' : 'gone'),
        },
        signal,
      ),
    [Symbol.asyncDispose]: () => serial.idle(),
  };
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
  readonly runtime: RuntimeSocket | null;
  readonly mark: string;
  readonly configPath: string;
}

const TRIES = 5;

async function signalReload(reload: SignalReload, signal: AbortSignal): Promise<ReloadOutcome> {
  const { master, runtime, configPath } = reload;
  const pid = master.facts.pid;
  // Where nobody answers on the socket before (an older text without it), it may do so afterwards.
  const answered = runtime !== null && (await seeWorker(runtime, signal)) !== null;
  const known = new Set(master.workers);
  let lost = 0;
  for (let tries = 1; tries <= TRIES; tries += 1) {
    const image = (await processFacts(pid))?.image;
    if (image === undefined) {
      break;
    }
    const denied = sendReload(pid);
    if (denied !== null) {
      return { kind: 'failed', message: `loading ${configPath}: ${denied}` };
    }
    const result = await settle({ ...reload, image, known, answered }, signal);
    switch (result.kind) {
      case 'runs':
        return { kind: 'verified', pid: result.pid, tries, log: '' };
      case 'unseen':
        return { kind: 'unverified', log: `new worker ${result.pid}` };
      case 'failed':
        return {
          kind: 'failed',
          message: `loading ${configPath}: the haproxy master ${pid} started no new worker and goes on with what it had; its own log says why`,
        };
      case 'gone':
        return {
          kind: 'failed',
          message: `loading ${configPath}: HAProxy ended over it (its new worker died: a missing chroot, a limit); its own log says why`,
        };
      case 'lost':
        lost += 1;
        break;
      case 'again':
    }
  }
  if (lost === TRIES) {
    return {
      kind: 'failed',
      message: `loading ${configPath}: the haproxy master ${pid} did nothing at ${TRIES} signals. Look whether it is stopped; 3.1 to 3.3 before January 2026 hear none after a failed reload: restart HAProxy, or use mode master-socket`,
    };
  }
  return {
    kind: 'failed',
    message: `loading ${configPath}: after ${TRIES} signals HAProxy does not run this text (mark ${reload.mark}); start it with -f and this very file`,
  };
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
      const seen = reload.runtime === null ? null : await seeWorker(reload.runtime, signal);
      if (seen && !reload.known.has(seen.pid) && seen.mark === reload.mark) {
        return settled('runs', seen.pid, signal);
      }
      const loads = seen !== null && reload.known.has(seen.pid) && now - started <= LOADING;
      if (now - forked > OTHER_TEXT && !loads) {
        const blind = reload.runtime === null || (seen === null && !reload.answered);
        return blind ? settled('unseen', fresh, signal) : { kind: 'again' };
      }
      if (reload.runtime === null && now - forked > UNSEEN) {
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
