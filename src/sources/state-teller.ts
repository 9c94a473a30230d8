import type { SourceEvent } from '../ports/source.ts';
import type { Push } from './events-of.ts';

/** What tells the state of a source. */
export interface StateTeller {
  readonly isLive: boolean;
  live(): void;
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
  return {
    get isLive() {
      return told === 'live';
    },
    live() {
      wasLive = true;
      if (told !== 'live') {
        told = 'live';
        push({ kind: 'state', state: 'live', of });
      }
    },
    failed(error) {
      const state = wasLive ? 'stale' : 'connecting';
      if (told !== `${state} ${error.message}`) {
        told = `${state} ${error.message}`;
        push({ kind: 'state', state, error, of });
      }
    },
  };
}
