/** What an answering HAProxy says of itself; null where it cannot be asked. */
export interface HaproxyFacts {
  readonly pid: number | null;
  /** The hash of the text it runs. */
  readonly mark: string | null;
  readonly version: string | null;
  readonly reloads: number | null;
  readonly failedReloads: number | null;
  readonly oldWorkers: number | null;
  /** False in modes without a socket. */
  readonly verifiable: boolean;
  /** Why it is not, where something can be done about it. */
  readonly why?: string;
}

/** What HAProxy does. */
export type HaproxyEvent =
  /** The HAProxy that judges (null: not known), and what to say where another branch runs. */
  | { readonly kind: 'judged-by'; readonly version: string | null; readonly trouble: string | null }
  | { readonly kind: 'haproxy-away'; readonly cause: string }
  | { readonly kind: 'haproxy-appeared'; readonly facts: HaproxyFacts }
  /** It answers as before, but its worker, mark or counters moved. */
  | { readonly kind: 'haproxy-changed'; readonly facts: HaproxyFacts }
  /** It runs another text than the verified one; that is being put right. */
  | { readonly kind: 'haproxy-drift'; readonly expected: string; readonly found: string | null }
  /** Its servers are not those of the text that it should run; it is loaded anew. At most 5 of the differences. */
  | { readonly kind: 'servers-drifted'; readonly differences: readonly string[]; readonly count: number }
  /** A removed server had its last session and is deleted; `ms` since it left the text. */
  | { readonly kind: 'server-gone'; readonly backend: string; readonly server: string; readonly ms: number }
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
