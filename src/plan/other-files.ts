/** What HAProxy loads beside our text (`-f` several times): it decides what our servers inherit. */
export type OtherFiles =
  | {
      readonly kind: 'read';
      /** The texts that are loaded before ours, and after it; each in the order of loading. */
      readonly before: readonly string[];
      readonly after: readonly string[];
    }
  /** A sentence for people: what cannot be known, and what to do. */
  | { readonly kind: 'unread'; readonly why: string };

/** Ours is the only file. */
export const NO_OTHER_FILES: OtherFiles = { kind: 'read', before: [], after: [] };
