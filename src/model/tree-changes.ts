import type { ReadEntry } from './read-entry.ts';

/** A change of what the sources say, one a key, with what they said before. */
export type RawChange =
  | { readonly kind: 'put'; readonly entry: ReadEntry; readonly before: ReadEntry | undefined }
  | { readonly kind: 'delete'; readonly key: string; readonly before: ReadEntry };

/** A change of what is believed. `held`: it went from the sources, and stays for now. */
export type BelievedChange =
  | { readonly kind: 'put'; readonly entry: ReadEntry; readonly held?: true }
  | { readonly kind: 'delete'; readonly key: string; readonly before: ReadEntry };
