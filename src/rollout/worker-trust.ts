/** Milliseconds: somebody's reload that read the file before it was put right is seen by then. */
const GRACE = 3000;
/** Milliseconds: an edit is noticed at most so long after a worker that loaded it. */
const RECENT = 2000;

/**
 * Tells HAProxy's workers that run our file from those that may run somebody's edit of it. The mark alone does
 * not: who edits the file by hand leaves the mark in it. So a new worker that appears while the file is not ours
 * is a stranger, and so is one that began right before that was noticed, until a reload of ours replaced it. Each
 * step gives another value; `now` is of `clock.now()`.
 */
export interface WorkerTrust {
  /** The worker that runs our file, and since when it was known. */
  readonly pid: number | null;
  readonly pidSince: number;
  readonly stranger: { readonly pid: number; readonly why: string } | null;
  /** Until then a new worker may have loaded an edit. */
  readonly doubtUntil: number;
}

/** No worker was seen yet. */
export const NO_WORKER: WorkerTrust = {
  pid: null,
  pidSince: 0,
  stranger: null,
  doubtUntil: Number.NEGATIVE_INFINITY,
};

/** The file is not ours any more, or was not for a moment. */
export function afterTouch(trust: WorkerTrust, now: number): WorkerTrust {
  const doubtUntil = Number.POSITIVE_INFINITY;
  if (trust.pid === null || now - trust.pidSince > RECENT) {
    return { ...trust, doubtUntil };
  }
  return { ...distrusting(trust, trust.pid, edited(trust.pid)), pid: null, doubtUntil };
}

/** The file is ours again. */
export function afterRestore(trust: WorkerTrust, now: number): WorkerTrust {
  return trust.doubtUntil === Number.POSITIVE_INFINITY ? { ...trust, doubtUntil: now + GRACE } : trust;
}

/** A reload of ours made this worker. */
export function afterReload(trust: WorkerTrust, pid: number, now: number): WorkerTrust {
  return { ...trust, pid, pidSince: now, stranger: null };
}

/** A worker with our mark answers. */
export function afterAnswer(trust: WorkerTrust, pid: number | null, now: number): WorkerTrust {
  if (pid === null || pid === trust.pid) {
    return trust;
  }
  if (now < trust.doubtUntil) {
    return distrusting(trust, pid, edited(pid));
  }
  return pid === trust.stranger?.pid ? trust : { ...trust, pid, pidSince: now };
}

/** Nobody knows for sure what this worker runs, whatever its mark says; until a reload replaced it. */
export function distrusting(trust: WorkerTrust, pid: number, why: string): WorkerTrust {
  return { ...trust, stranger: { pid, why } };
}

/** Why a worker with our mark may not run our text; null where it does. */
export function doubtOf(trust: WorkerTrust, pid: number | null, now: number): string | null {
  if (pid !== null && pid === trust.stranger?.pid) {
    return trust.stranger.why;
  }
  return pid === null || pid === trust.pid || now >= trust.doubtUntil ? null : edited(pid);
}

function edited(pid: number): string {
  return `HAProxy's worker ${pid} began while the file was edited by hand`;
}
