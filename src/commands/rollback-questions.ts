import { SystemError, UsageError } from '../errors.ts';
import type { LedgerFiles } from '../ledger/read-ledger.ts';
import { clock, rest } from '../ports/clock.ts';
import type { RollbackNote } from '../ports/stores.ts';
import type { Reconciler } from '../reconcile/reconciler.ts';
import type { ControlQuestion } from '../status/control-socket.ts';
import { outcomeOf, type RollbackAsked, wishOf } from './rollback-tries.ts';

/** What the daemon says of a rollback that it was asked for. */
export interface RollbackAnswer {
  /** By which it is asked for again. */
  readonly job: number;
  /** `same`: what runs is that text already. */
  readonly state: 'working' | 'same' | 'held';
  readonly emptied: readonly string[];
  readonly absent: readonly string[];
  /** How many servers are left out. */
  readonly leftOut: number;
  /** How the pass ended that brought it, and why it did not do more; null where none has ended yet. */
  readonly pass: { readonly outcome: string; readonly error: string | null } | null;
}

export interface RollbackQuestionsOptions {
  readonly ledger: LedgerFiles;
  readonly note: RollbackNote;
  readonly reconciler: Pick<Reconciler, 'rollback' | 'tryRollback'>;
  readonly signal: AbortSignal;
}

/** Milliseconds for which an answer waits until what it tells of is so: less than a command waits. */
const WAIT = 1_200;
/** Milliseconds for which it is waited that a pass brings it. */
const PASS_MS = 25_000;

/** A rollback that was asked for, and what has come of it so far. */
interface Job {
  readonly number: number;
  readonly done: Promise<RollbackAnswer>;
}

/**
 * What `pointsman rollback` has the daemon do: the text is made and judged first, then it is written down, and a pass brings it. Since that
 * takes longer than an answer may, it is asked for again by its number.
 */
export function rollbackQuestions(options: RollbackQuestionsOptions): readonly ControlQuestion[] {
  let last: Job | null = null;
  let isWorking = false;
  const begin = (asked: RollbackAsked): Job => {
    if (isWorking) {
      throw new SystemError('rolling back: another rollback is being tried');
    }
    isWorking = true;
    const number = (last?.number ?? 0) + 1;
    const done = work(options, number, asked).finally(() => {
      isWorking = false;
    });
    // Whoever asks for it gets what it threw.
    done.catch(() => undefined);
    last = { number, done };
    return last;
  };
  const answerOf = async ({ number, done }: Job): Promise<RollbackAnswer> => {
    const late = new AbortController();
    const working = rest(WAIT, late.signal).then(() => ({ ...NOTHING, job: number }));
    try {
      return await Promise.race([done, working]);
    } finally {
      late.abort();
    }
  };
  return [
    {
      method: 'POST',
      path: '/rollback',
      answer: ({ body, by }) => answerOf(begin({ ...askedIn(body), by })),
    },
    {
      method: 'GET',
      path: '/rollback',
      answer: ({ query }) => {
        if (last === null || Number(query.job) !== last.number) {
          throw new UsageError('asking for a rollback: there is none of this number');
        }
        return answerOf(last);
      },
    },
  ];
}

const NOTHING = { state: 'working', emptied: [], absent: [], leftOut: 0, pass: null } as const;

async function work(
  { ledger, note, reconciler, signal }: RollbackQuestionsOptions,
  job: number,
  asked: RollbackAsked,
): Promise<RollbackAnswer> {
  const { rollback: hold } = reconciler;
  const wish = await wishOf(ledger, asked);
  const rolledBack = outcomeOf(wish, await reconciler.tryRollback(wish, signal));
  if (rolledBack === null || !hold) {
    return { ...NOTHING, job, state: 'same' };
  }
  await note.write(wish);
  await hold.look();
  const end = clock.now() + PASS_MS;
  while (hold.endOf(wish) === null && clock.now() < end && !signal.aborted) {
    await rest(20, signal);
  }
  const { emptied, absent, leftOut } = rolledBack;
  const pass = hold.endOf(wish);
  return { job, state: 'held', emptied, absent, leftOut: leftOut.length, pass };
}

function askedIn({ number, mode, until }: Readonly<Record<string, unknown>>): Omit<RollbackAsked, 'by'> {
  const isRight =
    Number.isSafeInteger(number) &&
    (mode === 'today' || mode === 'exact') &&
    (until === null || typeof until === 'number');
  if (!isRight) {
    throw new UsageError('rolling back: expected the number of an entry, today or exact, and when it ends');
  }
  return { number: Number(number), mode, until };
}
