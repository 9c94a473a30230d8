import type {
  Applied,
  Counts,
  EventOf,
  Hashes,
  KeptKey,
  KeyRemark,
  MassClaim,
  PassEvent,
  QuarantinedUnit,
  RejectedKey,
} from '../events.ts';
import type { HeldKey } from '../events-guard.ts';
import type { HaproxyState, PresentHaproxy, ServerSetByHand } from '../events-haproxy.ts';

/** What is known of one source. Times are milliseconds since 1970. */
export interface SourceStatus {
  readonly name: string;
  readonly state: 'connecting' | 'live' | 'stale';
  readonly error: string | null;
  /** Since when it is in this state. */
  readonly since: number;
  /** Prefixes that may not be read: what was read of them before is served. */
  readonly refused: readonly string[];
  /** When keys last came from it. */
  readonly lastData: number | null;
  readonly keys: number;
  readonly revision: string | null;
}

/** What is known of HAProxy. */
export type HaproxyStatus =
  | { readonly kind: 'unknown' }
  /** `since`: it is there, or is away. */
  | (HaproxyState & { readonly since: number });

/** The state of everything, as the events told it. Times are milliseconds since 1970. */
export interface Status {
  readonly version: string;
  readonly startedAt: number;
  readonly life: 'starting' | 'running' | 'stopping';
  readonly mode: string;
  readonly target: string;
  readonly template: { readonly path: string; readonly error: string | null };
  /** The settings file; why it is not used as it is now; and the keys in it that need a restart. */
  readonly settings: {
    readonly path: string | null;
    readonly error: string | null;
    readonly restart: readonly string[];
  };
  readonly sources: readonly SourceStatus[];
  readonly counts: Counts;
  readonly hashes: Hashes;
  /** What HAProxy runs; `pending` is the hash of what it should run and does not yet. */
  readonly applied: Applied;
  readonly pending: string | null;
  /** Not null while HAProxy runs what the file does not hold yet: since when. */
  readonly ahead: { readonly since: number } | null;
  readonly rejected: ReadonlyMap<string, RejectedKey>;
  /** What may not be meant as it stands, at most 100 of them. */
  readonly remarks: readonly KeyRemark[];
  /** Services of whose addresses another one has taken more than `guard.share`, at most 100 of them. */
  readonly massClaims: readonly MassClaim[];
  /** What is set aside, by unit. */
  readonly quarantined: ReadonlyMap<string, QuarantinedUnit>;
  readonly kept: ReadonlyMap<string, KeptKey>;
  /** What the guard holds, by key. */
  readonly held: ReadonlyMap<string, HeldKey>;
  /** What a person set of HAProxy's servers, by `backend/server`. */
  readonly setByHand: ReadonlyMap<string, ServerSetByHand>;
  /** Not null while the cache, or a source's part of it, is served because that has not answered: when it was last known to be right. */
  readonly cache: { readonly freshAt: number } | null;
  readonly lastPass: (PassEvent & { readonly at: number }) | null;
  /** The last pass that changed what is applied. */
  readonly lastApply: (PassEvent & { readonly at: number }) | null;
  /** The last passes that brought something, changed something or failed, the newest last; of failures in a row that say the same the first. */
  readonly passes: readonly (PassEvent & { readonly at: number })[];
  /** Why what happens cannot be written down; null where it can. */
  readonly ledgerError: string | null;
  readonly lastError: { readonly at: number; readonly event: string; readonly message: string } | null;
  /** The last time that somebody else changed the file; `kept` is where their text lies. */
  readonly lastHandEdit: { readonly at: number; readonly kept: string | null } | null;
  readonly haproxy: HaproxyStatus;
  /** The HAProxy that judges configurations; null where that is not known. `trouble`: another branch runs. */
  readonly judge: { readonly version: string | null; readonly trouble: string | null };
  /** Neither the file nor HAProxy is touched until then; null where it is not so. */
  readonly paused: { readonly until: number; readonly by: string } | null;
  /** The older text that is put back; null where none is. */
  readonly rollback: Omit<EventOf<'rollback'>, 'kind'> | null;
  /** What is missing until HAProxy runs a verified configuration; empty when it does. */
  readonly missing: readonly string[];
}

/** The hash of what HAProxy runs, or null where that is not known. */
export function hashOf(applied: Applied): string | null {
  return applied.kind === 'unknown' ? null : applied.hash;
}

/** Whether a HAProxy is there, whether or not it can be asked. */
export function isThere(haproxy: HaproxyStatus): haproxy is PresentHaproxy & { readonly since: number } {
  return haproxy.kind === 'running' || haproxy.kind === 'unseen';
}

/** Every key that keeps its last good form, whoever refuses its value. */
export function keptIn({ kept, quarantined }: Pick<Status, 'kept' | 'quarantined'>): readonly KeptKey[] {
  const aside = [...quarantined.values()].flatMap(({ forms, reason, since }) =>
    Object.entries(forms).map(([key, form]): KeptKey => ({ key, by: 'check', reason, since, form })),
  );
  return [...kept.values(), ...aside];
}
