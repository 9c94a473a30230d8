import type { LetGoReason } from '../events-guard.ts';
import type { Change } from '../model/entry.ts';
import type { Hold } from './guard-held.ts';

/** What a step means for the believed tree. */
export interface GuardStep {
  /** To be applied to the believed tree, all together. */
  readonly changes: readonly Change[];
  /** Held from now on, or for another reason than before. */
  readonly held: readonly Hold[];
  readonly letGo: readonly { readonly key: string; readonly why: LetGoReason }[];
}

/** A step in the making. */
export class Step {
  readonly changes = new Map<string, Change>();
  readonly held = new Map<string, Hold>();
  readonly letGo = new Map<string, LetGoReason>();

  done(): GuardStep {
    return {
      changes: [...this.changes.values()],
      held: [...this.held.values()],
      letGo: [...this.letGo].map(([key, why]) => ({ key, why })),
    };
  }
}
