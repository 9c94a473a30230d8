import { UsageError } from '../errors.ts';
import type { LedgerQuery, LedgerReader } from '../ledger/ledger-entry.ts';
import { parseDuration } from '../model/duration.ts';
import type { ControlQuestion } from '../status/control-socket.ts';

type Query = Readonly<Record<string, unknown>>;

/** What the daemon answers of its ledger: `GET /history?service=web&since=1h&limit=20&from=41&diffs=1`, and `GET /history/41`. */
export function ledgerQuestions(reader: LedgerReader): readonly ControlQuestion[] {
  return [
    { method: 'GET', path: '/history', answer: async ({ query }) => reader.history(ledgerQuery(query)) },
    {
      method: 'GET',
      path: '/history/:number',
      answer: async ({ params }) => {
        const entry = await reader.entry(Number(params.number));
        if (entry === null) {
          throw new UsageError(`reading the ledger: it has no entry ${params.number}`);
        }
        return entry;
      },
    },
  ];
}

/** What a query asks of the ledger; `since` is a duration or a time. Throws a `UsageError`. */
export function ledgerQuery({ service, key, since, from, limit, diffs }: Query): LedgerQuery {
  return {
    ...(typeof service === 'string' ? { service } : {}),
    ...(typeof key === 'string' ? { key } : {}),
    ...(typeof since === 'string' ? { since: momentOf(since) } : {}),
    ...(from === undefined ? {} : { from: countOf('from', from) }),
    ...(limit === undefined ? {} : { limit: countOf('limit', limit) }),
    diffs: diffs === '1' || diffs === 'true',
  };
}

function countOf(name: string, value: unknown): number {
  const count = Number(value);
  if (Number.isInteger(count) && count > 0) {
    return count;
  }
  throw new UsageError(`reading ${name} ${String(value)}: expected a whole number over 0`);
}

/** A duration before now, or a time with its zone, in milliseconds since 1970. Throws a `UsageError`. */
export function momentOf(text: string): number {
  const length = parseDuration(text);
  const at = length === null ? Date.parse(text) : Date.now() - length;
  if (Number.isNaN(at)) {
    throw new UsageError(`reading --since ${text}: expected a duration or a time`, {
      hint: 'For example 1h, 30m or 2026-03-01T14:30:00Z.',
    });
  }
  return at;
}
