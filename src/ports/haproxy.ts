import type { HaproxyState } from '../events-haproxy.ts';

export type { HaproxyState };

/** What came of having HAProxy load the file. */
export type ReloadOutcome =
  /** HAProxy runs the text of this mark: seen, not assumed. */
  | {
      readonly kind: 'verified';
      readonly pid: number;
      readonly tries: number;
      readonly log: string;
      /** There was none before. */
      readonly started?: true;
    }
  /** The signal or command went out; there is no socket to ask. */
  | { readonly kind: 'unverified'; readonly log: string }
  /** HAProxy goes on with what it had. `message` is its own words where it gives any. */
  | { readonly kind: 'failed'; readonly message: string }
  /** Nobody to reload: the file waits for HAProxy. */
  | { readonly kind: 'away'; readonly cause: string };

/** Makes HAProxy follow the file: one implementation per `haproxy.mode`. */
export interface HaproxyControl {
  /** Asks now. Never throws for an absent HAProxy. */
  state(signal: AbortSignal): Promise<HaproxyState>;
  /** Has HAProxy load the file, and waits until it says that it runs `mark`, or that it does not. In
   *  `managed`, starts it where it does not run. One call at a time. `running` is the text that it runs until then, without
   *  its mark; null (the default) where that is not known. */
  reload(mark: string, signal: AbortSignal, running?: string | null): Promise<ReloadOutcome>;
  /** Yields whenever HAProxy came, went, or changed its worker or mark: within 1 s. */
  watch(signal: AbortSignal): AsyncIterable<HaproxyState>;
  /** Closes its own connections. HAProxy goes on, in every mode. */
  [Symbol.asyncDispose](): Promise<void>;
  /** `managed` only: starts HAProxy from the file that lies there, where none runs. */
  start?(signal: AbortSignal): Promise<HaproxyState>;
  /** `managed` only: ends HAProxy, softly and bounded. From then on nothing is started. */
  stop?(): Promise<void>;
}

/** Whether an answer says something new. Old workers that end are no news. */
export function saysTheSame(one: HaproxyState, other: HaproxyState): boolean {
  return JSON.stringify(told(one)) === JSON.stringify(told(other));
}

function told(state: HaproxyState): readonly unknown[] {
  switch (state.kind) {
    case 'away':
      return [state.kind, state.cause];
    case 'unseen':
      return [state.kind, state.pid, state.why];
    case 'running':
      return [state.kind, state.pid, state.mark, state.reloads, state.failedReloads];
    default:
      return state satisfies never;
  }
}
