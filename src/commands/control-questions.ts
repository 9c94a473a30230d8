import { UsageError } from '../errors.ts';
import { LONGEST_PAUSE } from '../model/pause-end.ts';
import { shorten } from '../model/shorten.ts';
import { rest } from '../ports/clock.ts';
import type { HeldPauses, PauseNotes, PauseWish, RollbackWish } from '../ports/stores.ts';
import { askRelease, isReleaseAsked } from '../state/believed-files.ts';
import { removePause, writePause } from '../state/pause-notes.ts';
import type { ControlQuestion } from '../status/control-socket.ts';

/** What the daemon says of its pauses. */
export interface PauseAnswer {
  /** The pauses that hold: nothing of ours is under way. Null while there is none, or none that holds yet. */
  readonly held: HeldPauses | null;
  /** Of `/resume`: the pause of this host that it ended. */
  readonly ended?: PauseWish | null;
  /** Of `/resume`: the number of the entry whose rollback it ended. */
  readonly rollback?: number | null;
}

/** What became of a release. */
export interface ReleaseAnswer {
  /** How many keys were held when it was asked for. */
  readonly count: number;
  /** Whether it is done. */
  readonly done: boolean;
}

/** Notes that also tell which pauses hold now. */
export type FollowedNotes = PauseNotes & { readonly held: HeldPauses | null };

/** Follows what is told of pauses. */
export function followNotes(notes: PauseNotes): FollowedNotes {
  let held: HeldPauses | null = null;
  return {
    ...notes,
    tell: (now) => {
      held = now;
      return notes.tell(now);
    },
    get held() {
      return held;
    },
  };
}

export interface ControlQuestionsOptions {
  readonly stateDir: string;
  readonly pauses: Pick<FollowedNotes, 'held'>;
  /** Takes the rollback of this host back, and gives the one that this ended. */
  readonly endRollback: (by: string) => Promise<RollbackWish | null>;
  /** How many keys the guard holds. */
  readonly heldKeys: () => number;
  readonly signal: AbortSignal;
}

/** Milliseconds for which an answer waits until what it tells of is so: less than a command waits. */
const WAIT = 1_200;

/**
 * What commands may have the daemon do. What they ask for is written down first, as they do it where no daemon runs: it is done
 * also where this process ends before it has answered.
 */
export function controlQuestions(options: ControlQuestionsOptions): readonly ControlQuestion[] {
  const { stateDir, pauses, endRollback, heldKeys, signal } = options;
  const soon = async (isSo: () => boolean | Promise<boolean>): Promise<boolean> => {
    const end = performance.now() + WAIT;
    while (!(await isSo())) {
      if (performance.now() > end || signal.aborted) {
        return false;
      }
      await rest(20, signal);
    }
    return true;
  };
  return [
    {
      method: 'POST',
      path: '/pause',
      answer: async ({ body, by }): Promise<PauseAnswer> => {
        const until = Number(body.until);
        if (!(until > Date.now() && until <= Date.now() + LONGEST_PAUSE)) {
          throw new UsageError('pausing: it ends within 168h, and not in the past');
        }
        await writePause(stateDir, { until, by: shorten(by) });
        await soon(() => pauses.held?.host === until);
        return { held: pauses.held };
      },
    },
    {
      method: 'GET',
      path: '/pause',
      answer: async ({ query }): Promise<PauseAnswer> => {
        const host = query.until === undefined ? null : Number(query.until);
        await soon(() => (pauses.held?.host ?? null) === host);
        return { held: pauses.held };
      },
    },
    {
      method: 'POST',
      path: '/resume',
      answer: async ({ by }): Promise<PauseAnswer> => {
        const rolledBack = await endRollback(shorten(by));
        const ended = await removePause(stateDir, shorten(by));
        await soon(() => (pauses.held?.host ?? null) === null);
        return { held: pauses.held, ended, rollback: rolledBack?.number ?? null };
      },
    },
    {
      method: 'POST',
      path: '/release',
      answer: async ({ by }): Promise<ReleaseAnswer> => {
        const count = heldKeys();
        await askRelease(stateDir, shorten(by));
        const done = await soon(async () => !(await isReleaseAsked(stateDir)));
        return { count, done };
      },
    },
  ];
}
