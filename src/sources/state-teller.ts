import type { SourceEvent } from '../ports/source.ts';
import type { Push } from './events-of.ts';

/** What tells the state of a source. */
export interface StateTeller {
  /** Whether it answers, and be it only in part. */
  readonly isLive: boolean;
  live(): void;
  /** It answers, but not for these prefixes. */
  partly(refused: readonly string[], error: Error): void;
  failed(error: Error): void;
}

/**
 * Tells changes of a source's state, and each only once: retries that find the same say nothing. A source that was
 * never live is `connecting` when it fails, one that was is `stale`.
 */
export function stateTeller(
  push: Push<SourceEvent>,
  of: { readonly index: number; readonly name: string },
): StateTeller {
  let told = '';
  let wasLive = false;
  let answers = false;
  return {
    get isLive() {
      return answers;
    },
    partly(refused, error) {
      const isNews = told !== `stale ${error.message}`;
      if (isNews || !answers) {
        [wasLive, answers] = [true, true];
        told = `stale ${error.message}`;
        push({ kind: 'state', state: 'stale', error, refused, of });
      }
    },
    live() {
      [wasLive, answers] = [true, true];
      if (told !== 'live') {
        told = 'live';
        push({ kind: 'state', state: 'live', of });
      }
    },
    failed(error) {
      answers = false;
      const state = wasLive ? 'stale' : 'connecting';
      if (told !== `${state} ${error.message}`) {
        told = `${state} ${error.message}`;
        push({ kind: 'state', state, error, of });
      }
    },
  };
}
