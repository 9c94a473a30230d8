/** Nobody answers (yet, or for a while). */
export interface AwayHaproxy {
  readonly kind: 'away';
  /** What was tried: a missing socket, a refused connect. */
  readonly cause: string;
  /** It is for us to start it, and too early for that: nothing is wrong. */
  readonly expected?: true;
}

/** It is there, and what it runs cannot be seen: there is no socket to ask it on. */
export interface UnseenHaproxy {
  readonly kind: 'unseen';
  /** Its worker, where processes are seen. */
  readonly pid?: number;
  /** Workers that only finish what they have, where processes are seen. */
  readonly oldWorkers?: number;
  /** Why it cannot be asked, where something can be done about it. */
  readonly why?: string;
}

/** It answers. */
export interface RunningHaproxy {
  readonly kind: 'running';
  /** The worker that takes new connections. */
  readonly pid: number;
  /** The hash of the text that it runs; null where that carries no mark of ours. */
  readonly mark: string | null;
  /** Null where it does not tell. */
  readonly version: string | null;
  /** Workers that only finish what they have, where they can be counted. */
  readonly oldWorkers?: number;
  /** Loads that were tried since its master started, where the master answers. */
  readonly reloads?: number;
  /** How many of them failed since the last one that did not. */
  readonly failedReloads?: number;
}

/** A HAProxy that is there. */
export type PresentHaproxy = UnseenHaproxy | RunningHaproxy;

/** What is known of the HAProxy that should run our file. */
export type HaproxyState = AwayHaproxy | PresentHaproxy;

/** A server that a person set. */
export interface ServerSetByHand {
  readonly backend: string;
  readonly server: string;
  /** As the text writes it. */
  readonly address: string;
  /** Null where it is as the text says. */
  readonly admin: 'ready' | 'maint' | 'drain' | null;
  /** Null where it is as the text says. */
  readonly weight: number | null;
  /** Milliseconds since 1970, when it was seen first. */
  readonly since: number;
}

/** What was set of it, for people: `drain`, `weight 0`. */
export function wordsOfHand({ admin, weight }: Pick<ServerSetByHand, 'admin' | 'weight'>): string {
  return [admin, weight === null ? null : `weight ${weight}`].filter((word) => word !== null).join(', ');
}

/** The kinds of changes that servers see at run time. */
export const SERVER_CHANGES = ['add', 'address', 'weight', 'state', 'remove'] as const;
/** One of `SERVER_CHANGES`. */
export type ServerChange = (typeof SERVER_CHANGES)[number];

/** What HAProxy does. */
export type HaproxyEvent =
  /** The HAProxy that judges (null: not known), and what to say where another branch runs. */
  | { readonly kind: 'judged-by'; readonly version: string | null; readonly trouble: string | null }
  | { readonly kind: 'haproxy-away'; readonly cause: string; readonly expected?: true }
  | { readonly kind: 'haproxy-appeared'; readonly state: PresentHaproxy }
  /**
   * It is there as before, but what is known of it moved: its worker, mark, counters. `verified` is its mark, where it is
   * known for sure to run the text of that: a change at run time is true long before the pass that made it ends.
   */
  | { readonly kind: 'haproxy-changed'; readonly state: PresentHaproxy; readonly verified?: string }
  /** It runs another text than the verified one; that is being put right. */
  | { readonly kind: 'haproxy-drift'; readonly expected: string; readonly found: string | null }
  /** Its servers are not those of the text that it should run; it is loaded anew. At most 5 of the differences. */
  | { readonly kind: 'servers-drifted'; readonly differences: readonly string[]; readonly count: number }
  /** Servers were changed at run time, and read back; how many changes of each kind. */
  | {
      readonly kind: 'servers-changed';
      readonly changes: Readonly<Partial<Record<ServerChange, number>>>;
    }
  /** A removed server had its last session and is deleted; `ms` since it left the text. */
  | { readonly kind: 'server-gone'; readonly backend: string; readonly server: string; readonly ms: number }
  /** A person set a server on the stats socket otherwise than the text says. It is seen within seconds, and outlives reloads. */
  | { readonly kind: 'set-by-hand'; readonly server: ServerSetByHand }
  /** That is so for over an hour: it may be forgotten. Said once. */
  | { readonly kind: 'set-by-hand-long'; readonly server: ServerSetByHand; readonly ms: number }
  /** It is not so any more: somebody set it back, its instance is gone or another, or HAProxy began anew without us. */
  | {
      readonly kind: 'set-by-hand-over';
      readonly server: ServerSetByHand;
      readonly cause: 'set back' | 'registered anew' | 'undone';
    }
  /** HAProxy was started, and answers (`managed`). The pid is its master's. */
  | { readonly kind: 'haproxy-started'; readonly pid: number }
  /** A HAProxy that already ran is ours now (`managed`). */
  | { readonly kind: 'haproxy-adopted'; readonly pid: number }
  /** It ended though nobody here asked it to (`managed`). */
  | { readonly kind: 'haproxy-exited'; readonly cause: string; readonly restartInMs: number | null }
  /** A line that HAProxy wrote (`managed`). */
  | { readonly kind: 'haproxy-log'; readonly line: string }
  /** A reload waits: too many old workers, another reload. */
  | { readonly kind: 'reload-delayed'; readonly cause: string }
  | {
      readonly kind: 'reload-failed';
      readonly message: string;
      /** How often in a row. */
      readonly failures: number;
      readonly retryInMs: number | null;
    };
