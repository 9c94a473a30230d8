import type { BackendFacts, ServerReason } from './backend-facts.ts';
import type { Line } from './section-lines.ts';
import type { Server } from './server-line.ts';

/** A backend's servers in both texts. */
export interface Arrivals {
  readonly old: readonly Server[];
  readonly next: readonly Server[];
  readonly added: readonly Server[];
  readonly removed: readonly Server[];
  readonly facts: BackendFacts;
  /** The backend's other lines, inherited ones first. */
  readonly lines: readonly Line[];
}

const HASH_KEYS = new Set(['addr', 'addr-port']);

/**
 * Where ids say who gets what (`first`, hashes, stick tables), arrivals, removals and another order give
 * servers other ids at the next start than they have now, unless every one of them says its own. A hash may go by
 * addresses instead (`hash-key addr-port`, 3.0).
 */
export function orderReasons({ old, next, added, removed, facts, lines }: Arrivals): ServerReason[] {
  const first = added[0] ?? removed[0] ?? firstMoved(old, next);
  if (!first) {
    return [];
  }
  const of = added.length > 0 || removed.length === 0 ? 'new' : 'old';
  const reused = idsGivenAnew(added, removed);
  if (reused.length > 0) {
    return reused;
  }
  const { balance } = facts;
  const sticky = lines.some(({ words }) => words[0] === 'stick-table' || words[0] === 'stick');
  if (!sticky && balance.kind !== 'by-id') {
    return [];
  }
  const all = [...old, ...next];
  if (all.every(({ settings }) => settings.has('id'))) {
    return [];
  }
  const byAddress = all.every(({ settings }) => HASH_KEYS.has(settings.get('hash-key') ?? ''));
  if (!sticky && balance.kind === 'by-id' && balance.consistent && byAddress) {
    return [];
  }
  const why = sticky ? 'its stick table' : `balance ${balance.name}`;
  const message = `${why} goes by ids: servers can come, go or move at run time only if every one has an id of its own`;
  return [{ message, line: first.line, of }];
}

function firstMoved(old: readonly Server[], next: readonly Server[]): Server | undefined {
  return next.find((server, index) => old[index]?.name !== server.name);
}

/** An arrival cannot take an id that is in use until the removal, which comes last. */
function idsGivenAnew(added: readonly Server[], removed: readonly Server[]): ServerReason[] {
  const leaving = new Set(removed.map(({ settings }) => settings.get('id')).filter((id) => id !== undefined));
  return added
    .filter(({ settings }) => leaving.has(settings.get('id') ?? ''))
    .map(({ name, line, settings }) => ({
      message: `server ${name} takes the id ${settings.get('id')} of a server that goes`,
      line,
      of: 'new',
    }));
}
