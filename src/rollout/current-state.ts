import { isDeepStrictEqual } from 'node:util';
import type { Emit } from '../events.ts';
import type { HaproxyState } from '../ports/haproxy.ts';
import type { Wake } from '../ports/wake.ts';
import { type Current, NOTHING_KNOWN, type Target } from './current.ts';

/** What those have who follow something: what they see becomes what is known, is told, and wakes the loop. */
export interface Following {
  readonly current: CurrentState;
  readonly mailbox: Wake;
  readonly emit: Emit;
}

/** Holds what is known: one value, that is replaced here and nowhere else. What is news of HAProxy is told with that. */
export class CurrentState {
  readonly #emit: Emit;
  #now: Current;

  constructor(target: Target, emit: Emit) {
    this.#now = { target, ...NOTHING_KNOWN };
    this.#emit = emit;
  }

  get now(): Current {
    return this.#now;
  }

  /** Puts the next value in the place of this one. */
  replace(step: (current: Current) => Current): void {
    const before = this.#now.haproxy;
    this.#now = step(this.#now);
    if (!isDeepStrictEqual(before, this.#now.haproxy)) {
      tellHaproxy(before, this.#now, this.#emit);
    }
  }
}

function tellHaproxy(before: HaproxyState, { haproxy: state, applied }: Current, emit: Emit): void {
  if (state.kind === 'away') {
    emit({ ...state, kind: 'haproxy-away' });
    return;
  }
  const why = whyUnseen(state);
  if (why !== undefined && why !== whyUnseen(before)) {
    emit({ kind: 'notice', message: `the Runtime API is not used, every change is a reload: ${why}` });
  }
  if (before.kind === 'away') {
    emit({ kind: 'haproxy-appeared', state });
  } else {
    const verified = applied.kind === 'verified' ? { verified: applied.hash } : {};
    emit({ kind: 'haproxy-changed', state, ...verified });
  }
}

function whyUnseen(state: HaproxyState): string | undefined {
  return state.kind === 'unseen' ? state.why : undefined;
}
