import { asError, messageAndHint, PointsmanError } from './errors.ts';
import type { FileEvent } from './events-file.ts';
import type { GuardEvent } from './events-guard.ts';
import type { HaproxyEvent } from './events-haproxy.ts';
import type { LedgerEvent } from './events-ledger.ts';

/**
 * What happens, as one union: log lines, metrics and the status subscribe to it and to nothing else. Times are
 * durations in milliseconds; a subscriber that needs the time of day takes it when the event arrives. No event
 * carries a secret.
 */
export type PointsmanEvent =
  | LifeEvent
  | SourceHappening
  | GuardEvent
  | TemplateHappening
  | PassEvent
  | FileEvent
  | LedgerEvent
  | HaproxyEvent;

/** The events of a kind, or of some. */
export type EventOf<K extends PointsmanEvent['kind']> = Extract<PointsmanEvent, { readonly kind: K }>;

/** Takes an event to everyone who listens. */
export type Emit = (event: PointsmanEvent) => void;

/** The daemon's own life, and what a person should be told once. */
export type LifeEvent =
  | {
      readonly kind: 'starting';
      readonly version: string;
      /** `haproxy.mode` of the settings. */
      readonly mode: string;
      /** The names of the sources, in the order of the settings. */
      readonly sources: readonly string[];
      readonly template: string;
      /** The settings file, where there is one. */
      readonly settings?: string;
      /** The file that is written. */
      readonly target: string;
    }
  /** The loop turns and everything is watched. */
  | { readonly kind: 'started' }
  /** `cause` is the signal or the failure that ends it. */
  | { readonly kind: 'stopping'; readonly cause: string }
  | { readonly kind: 'stopped' }
  /**
   * It ends though nobody asked it to; `stack` where that is a bug. `haproxy` is the master that goes on (`managed`), which the
   * next start adopts.
   */
  | {
      readonly kind: 'crashed';
      readonly message: string;
      readonly stack: string | null;
      readonly haproxy: number | null;
    }
  /** Something worth a warning, once: such as a service under two prefixes. */
  | { readonly kind: 'notice'; readonly message: string; readonly hint?: string }
  /** A part of the loop threw what is a bug; everything else goes on. `report` is the file that holds its input. */
  | {
      readonly kind: 'part-failed';
      readonly where: string;
      readonly message: string;
      readonly stack: string;
      readonly report: string | null;
      readonly retryInMs: number | null;
    }
  /** Neither the file nor HAProxy is touched until then (milliseconds since 1970). Said again every minute. */
  | { readonly kind: 'paused'; readonly until: number; readonly by: string }
  /** The pause is over. `by` is who took it back, for people; null where its time is over, or nobody says. */
  | { readonly kind: 'resumed'; readonly cause: string; readonly by: string | null }
  /** The text of an entry of the ledger is put back, at most 100 names of a kind. Said again where they change, and every 10 minutes. */
  | {
      readonly kind: 'rollback';
      /** Of the entry. */
      readonly number: number;
      /** `today`: with the servers of now. `exact`: the very text, without servers whose addresses others have by now. */
      readonly mode: 'today' | 'exact';
      /** Milliseconds since 1970. */
      readonly since: number;
      readonly until: number | null;
      readonly by: string;
      /** Backends of that text that have servers there, and none now. */
      readonly emptied: readonly string[];
      /** Backends that would have servers without it, and are not in that text. */
      readonly absent: readonly string[];
      /** Servers of that text that are left out, each with who has its address. */
      readonly leftOut: readonly string[];
    }
  /** What is drawn goes out again. */
  | { readonly kind: 'rollback-over'; readonly number: number; readonly cause: string }
  /**
   * The settings were read again: the keys that changed and hold from now on, and all keys that are others now than this process
   * runs with, and need a restart. Keys of `vars` are told one by one.
   */
  | {
      readonly kind: 'settings-read';
      readonly cause: 'file' | 'SIGHUP';
      readonly applied: readonly string[];
      readonly restart: readonly string[];
    }
  /** The settings cannot be read or do not fit: those of before stay. Said once per message. */
  | { readonly kind: 'settings-refused'; readonly message: string; readonly hint?: string }
  /** They fit again. */
  | { readonly kind: 'settings-mended' };

/** Tells of an expected failure that hinders nothing else. Whatever else was thrown is a bug: it is thrown on. */
export function noticeOf(error: unknown): Extract<LifeEvent, { readonly kind: 'notice' }> {
  return { kind: 'notice', ...messageAndHint(error) };
}

/** The same, but a bug is told with its stack: for a part that goes on by itself. `where` is `writing the cache`. */
export function failureOf(where: string, error: unknown): LifeEvent {
  if (error instanceof PointsmanError) {
    return noticeOf(error);
  }
  const { message, stack = '' } = asError(error);
  return { kind: 'part-failed', where, message, stack, report: null, retryInMs: null };
}

/** A key that never reaches a template, and why. */
export interface RejectedKey {
  readonly key: string;
  /** Shortened, control characters escaped. */
  readonly value: string;
  readonly reason: string;
  /** The other key, where a claim was lost to it. */
  readonly other?: string;
}

/** What may not be meant as it stands: `misspelt` is an unknown field that is like a known one, a `dropped field` does not fit and is left out. */
export const REMARK_KINDS = ['misspelt', 'unknown field', 'dropped field', 'udp'] as const;

/** Something about the keys of a service that is nothing wrong, but may not be what was meant. */
export interface KeyRemark {
  readonly service: string;
  readonly kind: (typeof REMARK_KINDS)[number];
  readonly count: number;
  /** One of the keys. */
  readonly key: string;
  readonly message: string;
}

/** A service of whose addresses another one has taken more than `guard.share`. */
export interface MassClaim {
  readonly service: string;
  readonly by: string;
  /** How many it took, of how many. */
  readonly taken: number;
  readonly of: number;
}

/** A key whose value is refused, and that keeps its last good form. */
export interface KeptKey {
  readonly key: string;
  /** Who refuses it. */
  readonly by: 'grammar' | 'limits' | 'check';
  /** One sentence without the key: what was found and what would fit. */
  readonly reason: string;
  /** Milliseconds since 1970. */
  readonly since: number;
  /** The value that stands in its place, shortened to 80 characters, control characters escaped. */
  readonly form: string;
}

/** What is set aside because HAProxy or the template refuses it. */
export interface QuarantinedUnit {
  /** `instances of web`, `route of web`, `key /haproxy/maxconn`. */
  readonly unit: string;
  /** The keys whose value is not used as it stands, at most 20 of them. */
  readonly keys: readonly string[];
  /** The values that stand in their place, by key, shortened; a key is missing where nothing does. */
  readonly forms: Readonly<Record<string, string>>;
  /** HAProxy's or the template's own words. */
  readonly reason: string;
  /** What stands in its place: its last good form (with what only moves since), or nothing. */
  readonly instead: 'last good' | 'nothing';
  /** Only this host refuses it: another process holds its port here. */
  readonly local?: true;
  /** Milliseconds since 1970. */
  readonly since: number;
}

/** What sources and their keys do. `source` is the place in the settings, 0 is the first. */
export type SourceHappening =
  | {
      readonly kind: 'source-state';
      readonly source: number;
      readonly name: string;
      readonly state: 'connecting' | 'live' | 'stale';
      /** Why it is not `live`. */
      readonly error: string | null;
      /** It answers, but may not be asked for these prefixes: what was read of them before is served. @default none */
      readonly refused?: readonly string[];
    }
  /** A snapshot or changes arrived: `changed` keys in it, `keys` now in all, at the source's `revision` (decimal). */
  | {
      readonly kind: 'source-data';
      readonly source: number;
      readonly name: string;
      readonly what: 'snapshot' | 'changes';
      readonly changed: number;
      readonly keys: number;
      readonly revision: string;
    }
  /** Keys that are rejected and were not before, or for another reason. */
  | { readonly kind: 'keys-rejected'; readonly rejected: readonly RejectedKey[] }
  /** Keys that keep their last good form and did not before, or for another reason or in another form. */
  | { readonly kind: 'keys-kept'; readonly kept: readonly KeptKey[] }
  /** Keys that have kept it for longer than `kept.max`: said once. */
  | { readonly kind: 'kept-too-long'; readonly keys: readonly string[] }
  /** Keys that kept it and are right now, gone, or without their address. */
  | { readonly kind: 'kept-over'; readonly keys: readonly string[] }
  /** What may not be meant as it stands, each told once: unknown fields, fields that are left out, UDP ports. */
  | { readonly kind: 'keys-remarked'; readonly remarks: readonly KeyRemark[] }
  /** All of these as they are now, at most 100 of them; `keys` counts the keys of all, by the kind of remark. */
  | {
      readonly kind: 'remarks';
      readonly remarks: readonly KeyRemark[];
      readonly count: number;
      readonly keys: Readonly<Partial<Record<KeyRemark['kind'], number>>>;
    }
  /** Services of whose addresses another one has more than `guard.share` now and had not before. It goes out at once. */
  | { readonly kind: 'addresses-taken'; readonly claims: readonly MassClaim[] }
  /** All of these as they are now, at most 100 of them. */
  | { readonly kind: 'mass-claims'; readonly claims: readonly MassClaim[]; readonly count: number }
  /** Keys that were rejected and are right now, or gone. */
  | { readonly kind: 'rejections-gone'; readonly keys: readonly string[] }
  /** Units that are set aside and were not before, or for another reason. */
  | { readonly kind: 'quarantined'; readonly units: readonly QuarantinedUnit[] }
  /** The ids of units that are as the sources say again. */
  | { readonly kind: 'quarantine-released'; readonly units: readonly string[] }
  /** A tree was refused and nobody was set aside for it: why, and what becomes of it. Said once per message. */
  | {
      readonly kind: 'nobody-quarantined';
      readonly fault: 'check' | 'template' | 'unknown';
      readonly message: string;
    };

/** What becomes of the template folder. */
export type TemplateHappening =
  | { readonly kind: 'template-changed'; readonly folder: string; readonly files: number }
  /** Said once per message: HAProxy goes on with what it has. */
  | { readonly kind: 'template-error'; readonly message: string; readonly hint?: string }
  /** The first render without an error after one. */
  | { readonly kind: 'template-mended' };

/**
 * The steps of a pass, in their order; `apply` is changing servers at run time, `pause` is waiting for
 * `pace.reloadInterval`, `quarantine` the search for what is refused.
 */
export const STEPS = [
  'render',
  'plan',
  'apply',
  'pause',
  'check',
  'quarantine',
  'publish',
  'reload',
] as const;
/** One of `STEPS`. */
export type Step = (typeof STEPS)[number];

/** How a pass ended. */
export const OUTCOMES = [
  /** The text is what HAProxy runs already: nothing was written or asked. */
  'unchanged',
  /** The same, right after our start: that HAProxy is ours now. */
  'adopted',
  /** Published, and a HAProxy was started that says that it runs it (`managed`). */
  'started',
  /** Published, reloaded, and HAProxy says that it runs it. */
  'reloaded',
  /** Servers were changed while HAProxy runs; the file follows right after. */
  'runtime',
  /** Published and told to HAProxy, which cannot be asked in this mode. */
  'unverified',
  /** Published; in mode `none` that is all. */
  'published',
  /** Published; there is no HAProxy to tell yet. */
  'published-waiting',
  /** There is no tree to render yet: a source has not answered. */
  'waiting',
  /** `haproxy -c` refused the text. */
  'refused',
  /** The check, the publishing or the reload could not be done; it is tried again. */
  'failed',
  /** The template did not compile or render. */
  'template-error',
  /** A person has the wheel: nothing was touched. */
  'paused',
] as const;
/** One of `OUTCOMES`. */
export type Outcome = (typeof OUTCOMES)[number];

/** Why HAProxy was reloaded, in a word; of several causes the first of these. */
export const RELOAD_CAUSES = [
  /** It ran something else than the file says. */
  'drift',
  /** It cannot change servers while it runs, or that went otherwise than expected. */
  'runtime',
  /** What it runs was not known, or changes at run time are off: nobody looked what differs. */
  'unplanned',
  /** Lines of `global`, `defaults`, or a section that is no proxy. */
  'settings',
  /** A section came, went or moved: mostly a service. */
  'sections',
  /** Lines of a `frontend`, or those of a `listen` that are no server. */
  'frontends',
  /** Lines of a backend that are no server. */
  'backends',
  /** A change of servers that the Runtime API cannot make. */
  'servers',
] as const;
/** One of `RELOAD_CAUSES`. */
export type ReloadCause = (typeof RELOAD_CAUSES)[number];

/** What the tree holds, in numbers. */
export interface Counts {
  readonly keys: number;
  readonly services: number;
  readonly instances: number;
  readonly routes: number;
  readonly rejected: number;
  readonly ignored: number;
}

/** What a difference between two hosts is explained by; null where it is not known (yet). */
export interface Hashes {
  /** Of all keys as the sources give them. */
  readonly raw: string | null;
  /** Of those, with what disappeared and is held. */
  readonly believed: string | null;
  /** Of the keys that were rendered: of those, with what was refused replaced by its last good form. */
  readonly served: string | null;
  /** Of the rendered text, without the mark: what the mark carries. */
  readonly text: string | null;
}

/** What HAProxy runs, as far as is known after a pass. */
export type Applied =
  /** Seen: its mark is `hash`. */
  | { readonly kind: 'verified'; readonly hash: string }
  /** Told, and there is no socket to ask. */
  | { readonly kind: 'unverified'; readonly hash: string }
  /** Mode `none`: the file is all there is. */
  | { readonly kind: 'file'; readonly hash: string }
  | { readonly kind: 'unknown' };

/** What the sources said, and what else was believed, since something went out. */
export interface Came {
  /** The first keys that are others now, at most 5 of `count`. */
  readonly keys: readonly string[];
  readonly count: number;
  /** The revision of the store at the last of them (decimal); null where none came. Of several stores the highest. */
  readonly revision: string | null;
  /** Who wrote them, as their values say it (`meta.owner`, else `meta.host`), at most 5: etcd keeps no author. */
  readonly by: readonly string[];
}

/** One turn of the loop from tree to traffic. */
export interface PassEvent {
  readonly kind: 'pass';
  readonly outcome: Outcome;
  /** Why it ran: `etcd: 3 keys changed`, `template changed`, `HAProxy appeared`, `retry`. */
  readonly triggers: readonly string[];
  /** What came since a pass last went well, so that one that fails names it again. */
  readonly came: Came;
  /** What follows from that for services and routes: `shop: +s5, s2 weight 1 -> 7`. At most 20 clauses, and the count of the others. */
  readonly changes: readonly string[];
  /** Why a reload was needed; empty where none was. At most 20 of them, and the count of the others. */
  readonly reasons: readonly string[];
  /** Why HAProxy was reloaded, in a word; null where it was not. */
  readonly reload: ReloadCause | null;
  /**
   * Milliseconds from the arrival of the oldest change that this brought until HAProxy was seen to run it; null where it brought
   * none to HAProxy, at the first pass that brings something, and where HAProxy cannot be asked.
   */
  readonly liveMs: number | null;
  /** All of it. */
  readonly ms: number;
  /** By step; a step that was not done is left out. */
  readonly steps: Readonly<Partial<Record<Step, number>>>;
  readonly counts: Counts;
  readonly hashes: Hashes;
  readonly applied: Applied;
  /** The hash of a text that is not applied yet though it should be, or null. */
  readonly pending: string | null;
  /** One line: what went wrong or what is waited for; null where nothing is. */
  readonly error: string | null;
}

/** Everyone who listens, and the way to tell them. */
export interface Bus {
  readonly emit: Emit;
  /** Calls `listener` for each event from now on, until the returned function is called. */
  subscribe(listener: Emit): () => void;
}

/** A bus that calls its listeners at once and in the order in which they came. A listener that throws is a bug. */
export function createBus(through: (event: PointsmanEvent) => PointsmanEvent = (event) => event): Bus {
  const listeners = new Set<Emit>();
  return {
    emit: (given) => {
      const event = through(given);
      for (const listener of listeners) {
        listener(event);
      }
    },
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
