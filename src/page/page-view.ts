import type { LedgerEntry } from '../ledger/ledger-entry.ts';
import { visible } from '../model/visible.ts';
import type { Finding } from '../status/findings.ts';
import { findingsIn, lastChange, serving } from '../status/findings.ts';
import type { Status } from '../status/status.ts';
import { statusJson } from '../status/status-json.ts';
import { firstLine, shortList } from '../status/words.ts';
import { downFindings, healthOf } from './health.ts';
import type { PageService } from './page-service.ts';

/**
 * What the page shows, as JSON by a name each: `status/ready`, `entry/<number>`, `live/<at>`, `service/<name>`,
 * `server/<service>/<id>`. Two of them are compared name by name, so what goes over the wire is what changed.
 */
export type PageView = ReadonlyMap<string, string>;

/** A change that went out, for the sparkline. */
export interface LiveChange {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly ms: number;
  readonly how: 'runtime' | 'reload';
}

/** What a view is made of. Times are milliseconds since 1970. */
export interface PageFacts {
  readonly host: string;
  readonly status: Status;
  readonly services: readonly PageService[];
  readonly lives: readonly LiveChange[];
  readonly now: number;
  /** When the loop last turned. */
  readonly turned: number;
  /** The newest entries of the ledger. */
  readonly entries: readonly LedgerEntry[];
}

/** The view of these facts. Times in it are absolute, so that what only grows older is the same. */
export function pageViewOf(facts: PageFacts): PageView {
  const view = new Map<string, string>();
  const put = (name: string, value: unknown) => view.set(name, text(value));
  for (const [name, value] of Object.entries(statusFields(facts))) {
    put(`status/${name}`, value);
  }
  for (const entry of facts.entries) {
    put(`entry/${entry.number}`, entryFields(entry));
  }
  for (const { at, ms, how } of facts.lives) {
    put(`live/${at}`, [Math.round(ms * 10) / 10, how]);
  }
  for (const { name, servers, ...service } of facts.services) {
    put(`service/${name}`, service);
    for (const { id, ...server } of servers) {
      put(`server/${name}/${id}`, server);
    }
  }
  return view;
}

function statusFields({ host, status, services, now, turned }: PageFacts) {
  const json = statusJson(status, now, turned);
  const { version, mode, target, template, applied, pending, counts, startedAt, paused, ahead, ledgerError } =
    status;
  const findings: readonly Finding[] = [...findingsIn(json), ...downFindings(services)];
  return {
    ...{ host, version, mode, target, counts, startedAt: Math.round(startedAt) },
    template: template.path,
    ready: json.ready,
    serving: serving(json),
    change: status.lastApply && { at: Math.round(status.lastApply.at), words: lastChange(status.lastApply) },
    configuration: configurationWord(status, json.missing),
    health: healthOf(status, services),
    findings,
    sources: status.sources.map(({ since, lastData, ...one }) => ({
      ...one,
      since: Math.round(since),
      lastData: lastData === null ? null : Math.round(lastData),
    })),
    haproxy:
      status.haproxy.kind === 'unknown'
        ? status.haproxy
        : { ...status.haproxy, since: Math.round(status.haproxy.since) },
    ...{ applied, pending, paused, ledgerError },
    ahead: ahead && { since: Math.round(ahead.since) },
    handEdit: status.lastHandEdit && {
      at: Math.round(status.lastHandEdit.at),
      kept: status.lastHandEdit.kept,
    },
    hands: [...status.setByHand.values()].map(({ since, ...one }) => ({ ...one, since: Math.round(since) })),
  };
}

/** How what is configured stands to what HAProxy runs: one word, and whether it is well. */
function configurationWord(
  { paused, rollback, applied, pending, lastPass, template, ahead }: Status,
  missing: readonly string[],
) {
  const isFailing =
    template.error !== null || (lastPass?.error != null && !['paused', 'waiting'].includes(lastPass.outcome));
  const [word, well] = paused
    ? ['paused', false]
    : isFailing
      ? ['a change fails', false]
      : rollback
        ? ['rolled back', false]
        : applied.kind === 'unknown'
          ? ['not applied yet', false]
          : missing.length > 0
            ? ['not verified', false]
            : pending !== null
              ? ['a change is pending', true]
              : ahead
                ? ['applied, the file follows', true]
                : applied.kind === 'verified'
                  ? ['applied and verified', true]
                  : applied.kind === 'file'
                    ? ['written', true]
                    : ['applied, not verified', true];
  return { word, well };
}

/** What is seen of an entry that is not opened. */
function entryFields({ time, outcome, ms, error, changes, words, triggers, rollback }: LedgerEntry) {
  const back = rollback === null ? '' : `(text of ${rollback}) `;
  const what = error ?? (changes.length > 0 ? shortList(changes, 3) : (words[0] ?? triggers.join(', ')));
  return {
    at: Date.parse(time),
    outcome,
    ms: Math.round(ms * 10) / 10,
    what: `${back}${firstLine(what)}`,
    failed: error !== null,
  };
}

/** JSON in which whatever is not seen as what it is, is escaped: it goes for keys, values, and words of other programs alike. */
function text(value: unknown): string {
  return JSON.stringify(value, (_, one: unknown) => (typeof one === 'string' ? visible(one) : one));
}
