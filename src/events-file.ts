/** What becomes of the configuration file. */
export type FileEvent =
  /** `output` is HAProxy's own words, `excerpt` the lines of the text that it names (`12 | server …`). */
  | {
      readonly kind: 'check-refused';
      readonly output: string;
      readonly excerpt: readonly string[];
      readonly hash: string;
    }
  /** The check itself could not be done. */
  | { readonly kind: 'check-broken'; readonly message: string; readonly retryInMs: number | null }
  /** HAProxy accepted it, with words. */
  | { readonly kind: 'check-warned'; readonly warnings: string }
  /** HAProxy would fail over it, though the check accepts it: nothing was published. */
  | { readonly kind: 'preflight-failed'; readonly message: string; readonly retryInMs: number }
  /** HAProxy was made to run this text at run time; the file does not hold it yet. */
  | { readonly kind: 'ahead'; readonly hash: string }
  /** The file is behind for longer than any check should take. */
  | { readonly kind: 'ahead-too-long'; readonly ms: number }
  /** File and HAProxy say the same again. */
  | { readonly kind: 'ahead-over'; readonly ms: number }
  /** A text that HAProxy was made to run is the file now; how long the steps to it took, in milliseconds. */
  | { readonly kind: 'recorded'; readonly steps: Readonly<Partial<Record<'check' | 'publish', number>>> }
  | { readonly kind: 'published'; readonly path: string; readonly hash: string; readonly bytes: number }
  | { readonly kind: 'publish-failed'; readonly message: string; readonly retryInMs: number | null }
  /** The last good text is the file again. */
  | { readonly kind: 'rolled-back'; readonly path: string; readonly hash: string }
  /** Somebody else changed the file; `kept` is where their text lies now. */
  | {
      readonly kind: 'hand-edit';
      readonly path: string;
      readonly kept: string | null;
      readonly diff: string;
    };
