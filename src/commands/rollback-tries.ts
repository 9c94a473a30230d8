import { PointsmanError, SystemError, UsageError } from '../errors.ts';
import { type LedgerFiles, MOST_ENTRIES } from '../ledger/read-ledger.ts';
import { shorten } from '../model/shorten.ts';
import { excerpt } from '../plan/excerpt.ts';
import type { RollbackWish } from '../ports/stores.ts';
import type { TriedRollback } from '../reconcile/try-rollback.ts';
import type { RolledBack } from '../rollout/rollback.ts';
import { refused } from './apply-once.ts';
import { textIn } from './history.ts';

/** The longest that the very text of an entry is served: its servers are those of then. */
export const LONGEST_EXACT = 2 * 3_600_000;

/** What a person asks for. */
export interface RollbackAsked {
  readonly number: number;
  readonly mode: RollbackWish['mode'];
  /** When it ends by itself, in milliseconds since 1970; null where it does not. */
  readonly until: number | null;
  readonly by: string;
}

/** The rollback that a person asks for, with its text. Throws a `UsageError`, or a `PointsmanError` where the text cannot be had. */
export async function wishOf(ledger: LedgerFiles, asked: RollbackAsked): Promise<RollbackWish> {
  const { number, mode, until, by } = asked;
  const now = Date.now();
  const isRight =
    mode === 'today' ? until === null : until !== null && until > now && until <= now + LONGEST_EXACT;
  if (!isRight) {
    throw new UsageError('rolling back: with --exact it ends within 2h, and else by pointsman resume alone');
  }
  if ((await ledger.entry(number)) === null) {
    const all = await ledger.history({ limit: MOST_ENTRIES });
    const has =
      all.length === 0 ? 'nothing is written down yet' : `it has ${all.at(-1)?.number} to ${all[0]?.number}`;
    throw new UsageError(`rolling back: the ledger has no entry ${number}: ${has}`, {
      hint: 'pointsman history lists them; the oldest go.',
    });
  }
  const { hash, text } = await textIn(ledger, number);
  return { number, mode, since: now, until, by: shorten(by), hash, text };
}

/** What a rollback would bring; null where there is nothing to do. Throws a `PointsmanError` where it cannot be. */
export function outcomeOf({ number }: RollbackWish, tried: TriedRollback): RolledBack | null {
  const doing = `rolling back to ${number}`;
  switch (tried.kind) {
    case 'fine':
      return tried.rolledBack;
    case 'same':
      return null;
    case 'nothing':
      throw new SystemError(`${doing}: there is nothing to take the servers from: ${tried.missing}`);
    case 'conditional':
      throw new UsageError(
        `${doing}: which servers ${tried.backends.slice(0, 5).join(', ')} has depends on conditions (.if) of that text`,
        { hint: 'pointsman rollback N --exact --for 30m puts back the text as it was.' },
      );
    case 'empty':
      throw new SystemError(`${doing}: no server would be left: none of its backends has one by now`, {
        hint: 'What runs stays. pointsman history show N..M shows what differs.',
      });
    case 'refused': {
      const { message } = refused(tried.output, excerpt(tried.text, tried.lines));
      throw new PointsmanError('refused', `${doing}: ${message}`, { hint: 'What runs stays.' });
    }
    case 'broken':
      throw new SystemError(`${doing}: the check could not be done: ${tried.message}`);
    default:
      return tried satisfies never;
  }
}
