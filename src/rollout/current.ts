import type { Applied } from '../events.ts';
import { hashText, splitMark } from '../plan/mark.ts';
import { clock } from '../ports/clock.ts';
import type { HaproxyState } from '../ports/haproxy.ts';
import type { ConfigSet, Installed } from './facts.ts';
import {
  afterAnswer,
  afterReload,
  afterRestore,
  distrusting,
  doubtOf,
  NO_WORKER,
  type WorkerTrust,
} from './worker-trust.ts';

/** `file`: mode `none`, where the file is all there is: no mark, nobody to tell. */
export type Target = 'haproxy' | 'file';

/** What is known of the file and of HAProxy; neither is assumed from the other. */
export interface Current {
  readonly target: Target;
  /** The file as it lies there, with its mark; null where there is none. */
  readonly fileText: string | null;
  /** What it holds. */
  readonly installed: Installed | null;
  /** What HAProxy said of itself last. */
  readonly haproxy: HaproxyState;
  readonly applied: Applied;
  /** What HAProxy was last known to run, where it may have gone away or be doubted since. */
  readonly lastRun: ConfigSet | null;
  /** The hash of what the Runtime API made HAProxy run. */
  readonly madeAtRunTime: string | null;
  /** The hash of what was published and HAProxy was not yet told, or seen, to load. */
  readonly owed: string | null;
  /** Which of HAProxy's workers run our file. */
  readonly trust: WorkerTrust;
}

/** Before anything was looked at. */
export const NOTHING_KNOWN: Omit<Current, 'target'> = {
  fileText: null,
  installed: null,
  haproxy: { kind: 'away', cause: 'it was not asked yet' },
  applied: { kind: 'unknown' },
  lastRun: null,
  madeAtRunTime: null,
  owed: null,
  trust: NO_WORKER,
};

/** Nobody knows for sure any more what this worker runs. */
export function withDoubt(current: Current, pid: number, why: string): Current {
  return { ...current, trust: distrusting(current.trust, pid, why) };
}

/** A rendered text as what is published. */
export function setOf(text: string): ConfigSet {
  return { text, hash: hashText(text) };
}

/** The mark of the file, where its text fits it. */
export function installedMark({ installed, target }: Current): string | null {
  return target === 'haproxy' && installed?.isOurs ? installed.hash : null;
}

/** What HAProxy runs, where that is known for sure. */
export function runningSet({ applied, lastRun }: Current): ConfigSet | null {
  return applied.kind === 'verified' ? lastRun : null;
}

/** What changes at run time made HAProxy run while the file does not hold it yet. */
export function aheadSet({ lastRun, madeAtRunTime, installed }: Current): ConfigSet | null {
  return lastRun?.hash === madeAtRunTime && lastRun?.hash !== installed?.hash ? lastRun : null;
}

/** The mark that HAProxy should have: the file's, or that of the text which it is ahead with. */
export function expectedMark(current: Current): string | null {
  return aheadSet(current)?.hash ?? installedMark(current);
}

/** The PID of HAProxy's worker, null where that is not known. */
export function workerOf({ haproxy }: Current): number | null {
  return haproxy.kind === 'away' ? null : (haproxy.pid ?? null);
}

/** Why the worker may run something else than its mark says; null where nothing speaks for that. */
export function doubtNow(current: Current): string | null {
  return doubtOf(current.trust, workerOf(current), clock.now());
}

/** The file lies there with this text now, whoever wrote it. */
export function withFile(current: Current, fileText: string | null): Current {
  const installed = fileText === null ? null : readInstalled(current.target, fileText);
  // In mode `none` what it holds is what counts, also that of an earlier run.
  const applied: Applied =
    current.target === 'file' && installed ? { kind: 'file', hash: installed.hash } : current.applied;
  return { ...current, fileText, installed, applied };
}

/** We wrote this set to the file. */
export function withPublished(current: Current, fileText: string): Current {
  return { ...withFile(current, fileText), trust: afterRestore(current.trust, clock.now()) };
}

/** A reload of ours made this worker, which runs the set. */
export function withLoaded(current: Current, set: ConfigSet, pid: number): Current {
  const { haproxy } = current;
  return {
    ...withRunning(current, set),
    haproxy: haproxy.kind === 'running' ? { ...haproxy, pid, mark: set.hash } : haproxy,
    trust: afterReload(current.trust, pid, clock.now()),
  };
}

/** HAProxy may run this set already, without the file's saying so: only who has the text knows its mark. */
export function withRecognized(current: Current, set: ConfigSet): Current {
  const { haproxy } = current;
  const isIt = haproxy.kind === 'running' && haproxy.mark === set.hash && doubtNow(current) === null;
  return isIt && runningSet(current)?.hash !== set.hash ? withRunAhead(current, set) : current;
}

/** The Runtime API made HAProxy run the set. */
export function withRunAhead(current: Current, set: ConfigSet): Current {
  const { haproxy } = current;
  return {
    ...withRunning(current, set),
    haproxy: haproxy.kind === 'running' ? { ...haproxy, mark: set.hash } : haproxy,
    madeAtRunTime: set.hash,
  };
}

function withRunning(current: Current, set: ConfigSet): Current {
  return { ...current, lastRun: set, applied: { kind: 'verified', hash: set.hash } };
}

/** HAProxy said this of itself. */
export function withAnswer(current: Current, haproxy: HaproxyState): Current {
  if (current.target === 'file') {
    return { ...current, haproxy };
  }
  switch (haproxy.kind) {
    case 'away':
      return { ...current, haproxy, applied: { kind: 'unknown' } };
    case 'unseen': {
      const mark = installedMark(current);
      const isTold = current.applied.kind === 'unknown' && mark !== null && mark !== current.owed;
      return { ...current, haproxy, applied: isTold ? { kind: 'unverified', hash: mark } : current.applied };
    }
    case 'running': {
      const { mark, pid } = haproxy;
      const lastRun = mark === null ? null : knownBy(current, mark);
      const trust = lastRun ? afterAnswer(current.trust, pid, clock.now()) : current.trust;
      const isSure = lastRun !== null && doubtOf(trust, pid, clock.now()) === null;
      const applied: Applied = isSure ? { kind: 'verified', hash: lastRun.hash } : { kind: 'unknown' };
      return { ...current, haproxy, lastRun, trust, applied };
    }
    default:
      return haproxy satisfies never;
  }
}

/** The text of a mark. */
function knownBy({ lastRun, installed }: Current, mark: string): ConfigSet | null {
  if (lastRun?.hash === mark) {
    return lastRun;
  }
  return installed?.isOurs && installed.hash === mark ? installed : null;
}

function readInstalled(target: Target, fileText: string): Installed {
  if (target === 'file') {
    return { ...setOf(fileText), isOurs: true };
  }
  const { text, mark } = splitMark(fileText);
  const set = setOf(text);
  return { ...set, isOurs: mark === set.hash };
}
