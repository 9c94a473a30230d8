/** How a rollout ended. */
export type RollResult =
  | { readonly kind: 'reloaded' | 'runtime' | 'unverified' | 'published' }
  | { readonly kind: 'published-waiting'; readonly cause: string }
  | {
      readonly kind: 'refused';
      readonly output: string;
      readonly lines: readonly number[];
      readonly retryInMs: number;
    }
  | { readonly kind: 'failed'; readonly message: string; readonly retryInMs: number };
