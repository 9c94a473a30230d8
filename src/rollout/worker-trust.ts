import { clock } from '../ports/clock.ts';

/** Milliseconds: somebody's reload that read the file before it was put right is seen by then. */
const GRACE = 3000;
/** Milliseconds: an edit is noticed at most so long after a worker that loaded it. */
const RECENT = 2000;

/**
 * Tells HAProxy's workers that run our file from those that may run somebody's edit of it. The mark alone does
 * not: who edits the file by hand leaves the mark in it. So a new worker that appears while the file is not ours
 * is a stranger, and so is one that began right before that was noticed, until a reload of ours replaced it.
 */
export class WorkerTrust {
  #pid: number | null = null;
  #pidSince = 0;
  #stranger: { readonly pid: number; readonly why: string } | null = null;
  #doubtUntil = Number.NEGATIVE_INFINITY;

  /** The file is not ours any more, or was not for a moment. */
  fileTouched(): void {
    this.#doubtUntil = Number.POSITIVE_INFINITY;
    if (this.#pid === null || clock.now() - this.#pidSince > RECENT) {
      return;
    }
    this.distrust(this.#pid, edited(this.#pid));
    this.#pid = null;
  }

  /** The file is ours again. */
  fileRestored(): void {
    if (this.#doubtUntil === Number.POSITIVE_INFINITY) {
      this.#doubtUntil = clock.now() + GRACE;
    }
  }

  /** A reload of ours made this worker. */
  made(pid: number): void {
    this.#take(pid);
    this.#stranger = null;
  }

  /** A worker with our mark answers. */
  saw(pid: number | null): void {
    if (pid === null || pid === this.#pid) {
      return;
    }
    if (this.#doubts()) {
      this.distrust(pid, edited(pid));
    } else if (pid !== this.#stranger?.pid) {
      this.#take(pid);
    }
  }

  /** Nobody knows for sure what this worker runs, whatever its mark says; until a reload replaced it. */
  distrust(pid: number, why: string): void {
    this.#stranger = { pid, why };
  }

  /** Whether a worker with our mark runs our text. */
  trusts(pid: number | null): boolean {
    return this.doubt(pid) === null;
  }

  /** Why a worker with our mark may not run our text; null where it does. */
  doubt(pid: number | null): string | null {
    if (pid !== null && pid === this.#stranger?.pid) {
      return this.#stranger.why;
    }
    if (pid === null || pid === this.#pid || !this.#doubts()) {
      return null;
    }
    return edited(pid);
  }

  #take(pid: number): void {
    this.#pid = pid;
    this.#pidSince = clock.now();
  }

  #doubts(): boolean {
    return clock.now() < this.#doubtUntil;
  }
}

function edited(pid: number): string {
  return `HAProxy's worker ${pid} began while the file was edited by hand`;
}
