/** The word for how a server is, HAProxy's own. `DRAIN`: no new sessions; `NOLB`: those that stick to it alone; `no check`: nobody looks. */
export const SERVER_STATUSES = ['DOWN', 'MAINT', 'DRAIN', 'NOLB', 'no check', 'UP'] as const;
/** One of `SERVER_STATUSES`. */
export type ServerStatus = (typeof SERVER_STATUSES)[number];

/** Who took a server out of the rotation, without its being ill. */
export type DrainedBy =
  /** The value of its key: `drain`, or a weight of 0. */
  | 'registration'
  /** Its line in the configuration: `disabled`, or a weight of 0. */
  | 'template'
  /** Its agent (`agent-check`). */
  | 'agent'
  /** Somebody on HAProxy's socket. */
  | 'hand'
  /** The server that it tracks. */
  | 'tracked server'
  /** Its name has no address. */
  | 'resolvers';

/** A server as HAProxy has it at this moment. */
export interface ServerHealth {
  readonly backend: string;
  readonly server: string;
  /** `10.0.0.1:80`, `[::1]:80`; of a name what that resolves to. Empty where HAProxy does not say it. */
  readonly address: string;
  /** The weight that counts. */
  readonly weight: number;
  readonly status: ServerStatus;
  /** The same with what is on its way: `UP 1/3` is UP, and goes DOWN. */
  readonly word: string;
  /** What its last check says, where it is not well: `Layer4 connection problem: Connection refused`. */
  readonly why: string | null;
  /** For how many seconds the status is this one. */
  readonly seconds: number;
  readonly drainedBy: DrainedBy | null;
  /** Sessions right now, and new ones per second. */
  readonly sessions: number;
  readonly rate: number;
  /** Answers with a status of 500 to 599 since the worker began. */
  readonly errors5xx: number;
}

/** What a look at HAProxy's servers has shown. */
export type ServersSeen =
  | {
      readonly kind: 'seen';
      /** Milliseconds since 1970. */
      readonly at: number;
      readonly pid: number;
      readonly version: string;
      /** The hash of the text that it runs; null where that carries no mark of ours. */
      readonly mark: string | null;
      readonly servers: readonly ServerHealth[];
    }
  /** Nobody can say: why, for people. */
  | { readonly kind: 'unseen'; readonly why: string };
