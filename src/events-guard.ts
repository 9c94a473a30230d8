/** Why a disappeared key is held (docs/guard.md). */
export const GUARD_RULES = [
  /** Its service would have no instance left. */
  'emptied',
  /** Its service loses too large a share. */
  'service',
  /** All services together lose too large a share. */
  'total',
  /** Too large a share of the routes goes. */
  'routes',
  /** Too large a share of the free keys goes. */
  'keys',
  /** The store went back in revision or is empty: time alone does not end it. */
  'store',
  /** No instance at all is left: time alone does not end it. */
  'everything',
] as const;
/** One of `GUARD_RULES`. */
export type GuardRule = (typeof GUARD_RULES)[number];

/** What ends a hold. */
export const LET_GO_REASONS = [
  /** The key is back. */
  'back',
  /** A new instance of its service took its place. */
  'replaced',
  /** A live key claims its address. */
  'claimed',
  /** It was held for `guard.hold`. */
  'believed',
  /** A person said so: `pointsman release`. */
  'released',
] as const;
/** One of `LET_GO_REASONS`. */
export type LetGoReason = (typeof LET_GO_REASONS)[number];

/** A key that went from the store and stays in the configuration for now. */
export interface HeldKey {
  readonly key: string;
  /** Null for routes and free keys. */
  readonly service: string | null;
  readonly rule: GuardRule;
  /** Milliseconds since 1970. */
  readonly since: number;
  /** When time alone ends the hold, in milliseconds since 1970; null where it does not. */
  readonly until: number | null;
}

/** What the guard does about disappearances. */
export type GuardEvent =
  /** Held from now on, or for another reason than before. */
  | { readonly kind: 'keys-held'; readonly held: readonly HeldKey[] }
  /** Held no longer: `back` are in the store again, all others go from the configuration. */
  | {
      readonly kind: 'keys-let-go';
      readonly keys: readonly { readonly key: string; readonly why: LetGoReason }[];
    }
  /** A start without an answer of the sources: the last believed tree is served, as it was `ageMs` ago. */
  | {
      readonly kind: 'cache-served';
      readonly keys: number;
      readonly ageMs: number;
      readonly waitedMs: number;
    }
  /** The sources answered: the cache is served no longer. */
  | { readonly kind: 'cache-over' };
