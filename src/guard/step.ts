import type { LetGoReason } from '../events-guard.ts';
import type { BelievedChange, RawChange } from '../model/tree-changes.ts';
import type { Held } from './held-keys.ts';

/** A step of the sources. */
export interface GuardInput {
  readonly changes: readonly RawChange[];
  /** Milliseconds since 1970; never goes back. */
  readonly now: number;
  /** The sources (by their place) whose store went back in revision or is empty. */
  readonly doubted?: ReadonlySet<number>;
  /** What is not in the believed tree: `new`, or `known` where there was nothing to compare with. @default new */
  readonly arrivals?: 'new' | 'known';
}

/** What a step means for the believed tree. */
export interface GuardStep {
  /** To be applied to the believed tree, all together. */
  readonly changes: readonly BelievedChange[];
  /** Held from now on, or for another reason than before. */
  readonly held: readonly Held[];
  readonly letGo: readonly { readonly key: string; readonly why: LetGoReason }[];
}

/** A step in the making. */
export class Step {
  readonly changes = new Map<string, BelievedChange>();
  readonly held = new Map<string, Held>();
  readonly letGo = new Map<string, LetGoReason>();

  done(): GuardStep {
    return {
      changes: [...this.changes.values()],
      held: [...this.held.values()],
      letGo: [...this.letGo].map(([key, why]) => ({ key, why })),
    };
  }
}

/** How something arrives. */
export interface Arriving {
  readonly now: number;
  readonly step: Step;
  readonly arrivals: 'new' | 'known';
}

/** How something leaves. */
export interface Leaving {
  readonly now: number;
  readonly doubted: ReadonlySet<number> | undefined;
  readonly step: Step;
  /** Groups that lost a key. */
  readonly touched: Set<string>;
}
