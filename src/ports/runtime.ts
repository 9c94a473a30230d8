import type { OtherFiles } from '../plan/other-files.ts';
import type { ServerCommand } from '../plan/plan.ts';

/** Some changes of servers, and what they are to be done to. */
export interface Batch {
  readonly commands: readonly ServerCommand[];
  /** The worker that the plan was made for, and the mark of the text that it runs. */
  readonly expected: { readonly pid: number; readonly mark: string };
  /** The mark of the text that it runs afterwards. */
  readonly mark: string;
  /** `apply.newServers` */
  readonly newServers: 'up' | 'checked';
  /** `apply.drain`, in milliseconds; 0 for none. */
  readonly drain: number;
}

/** How a batch ended. */
export type ApplyOutcome =
  /** Read back, and the mark is moved. `lingering` servers wait for the end of their sessions. */
  | { readonly kind: 'applied'; readonly pid: number; readonly commands: number; readonly lingering: number }
  /** Nobody knows for sure what HAProxy runs now: the file has to be loaded. `reason` is a clause for people. */
  | { readonly kind: 'surprise'; readonly reason: string }
  /** Nobody answered, and nothing was changed. */
  | { readonly kind: 'away'; readonly cause: string };

/** Whether servers can be changed without a reload. `reason` is a sentence for people: what is missing, what to do. */
export type Usability =
  | { readonly kind: 'yes'; readonly version: string; readonly otherFiles: OtherFiles }
  | { readonly kind: 'no'; readonly reason: string }
  /** Nobody answers right now. */
  | { readonly kind: 'away'; readonly cause: string };

/** What of a server can be read back. What is undefined is not compared. */
export interface ExpectedServer {
  /** IPv4, or IPv6 without brackets; leave it out for a host name. */
  readonly host?: string;
  readonly port?: number;
  readonly weight?: number;
  readonly admin?: 'ready' | 'maint';
}

/** Backend -> server -> what it should be. */
export type ExpectedServers = ReadonlyMap<string, ReadonlyMap<string, ExpectedServer>>;

/** What a look at all servers has shown. */
export type ReadBack =
  | { readonly kind: 'same'; readonly servers: number }
  /** A sentence for each difference. */
  | { readonly kind: 'differs'; readonly differences: readonly string[] }
  /** Another worker than the expected one answers. */
  | { readonly kind: 'moved'; readonly pid: number }
  | { readonly kind: 'away'; readonly cause: string };

/** Changes servers of the running worker, without a reload. */
export interface Runtime extends AsyncDisposable {
  /** Asks the worker. To be asked again whenever HAProxy came or changed its worker. */
  usable(signal: AbortSignal): Promise<Usability>;
  /**
   * Does the commands, reads the touched backends back, and moves the mark: only then it counts. Nothing is sent to
   * another worker than the expected one, or to one that runs another text. Never throws for what HAProxy does; the
   * signal's reason where that ends it. One batch at a time.
   */
  apply(batch: Batch, signal: AbortSignal): Promise<ApplyOutcome>;
  /** Compares all backends that are expected; servers that linger don't count. */
  readBackAll(
    expected: { readonly pid: number; readonly servers: ExpectedServers },
    signal: AbortSignal,
  ): Promise<ReadBack>;
  /** While held, servers that linger are left alone. Resolves when nothing is under way. */
  hold?(held: boolean): Promise<void>;
}
