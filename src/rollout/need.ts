import type { PresentHaproxy } from '../events-haproxy.ts';
import { hashText } from '../plan/mark.ts';
import type { HaproxyState } from '../ports/haproxy.ts';

/** What is to be done for a text. */
export type Need =
  | { readonly kind: 'nothing' }
  /** HAProxy runs it; the file lags behind. */
  | { readonly kind: 'record'; readonly reasons: readonly string[] }
  /** The file is right; HAProxy does not run it (yet). */
  | { readonly kind: 'load'; readonly reasons: readonly string[] }
  | { readonly kind: 'publish'; readonly reasons: readonly string[] };

/** What is known of the file and of HAProxy's workers. */
export interface NeedFacts {
  readonly target: 'haproxy' | 'file';
  /** The file holds the text. */
  readonly isInstalled: boolean;
  /** There is a file. */
  readonly hasFile: boolean;
  /** Its mark, where its text fits it. */
  readonly installedMark: string | null;
  /** Why a worker with our mark may not run our text; null where it does. */
  readonly doubt: (pid: number | null) => string | null;
  /** The file was published, and HAProxy not told yet. */
  readonly pending: boolean;
}

/** Compares a text with the file and with what HAProxy runs. */
export function needOf(text: string, state: HaproxyState, facts: NeedFacts): Need {
  if (!facts.isInstalled) {
    // Somebody (this program before it was killed) had HAProxy run it, and the file does not say so yet.
    if (runs(text, state, facts)) {
      return { kind: 'record', reasons: ['HAProxy runs it already'] };
    }
    const reason = facts.hasFile ? 'the text changed' : 'there is no file yet';
    return { kind: 'publish', reasons: [reason] };
  }
  if (facts.target === 'file') {
    return { kind: 'nothing' };
  }
  if (state.kind === 'away') {
    return { kind: 'load', reasons: [`HAProxy is away: ${state.cause}`] };
  }
  return loadNeed(state, facts);
}

/** What the installed text needs where no newer one can take its place; `away` is waited out. */
export function needOfInstalled(state: HaproxyState, facts: NeedFacts): Need {
  if (facts.target === 'file' || facts.installedMark === null) {
    return { kind: 'nothing' };
  }
  return state.kind === 'away' ? { kind: 'nothing' } : loadNeed(state, facts);
}

function runs(text: string, state: HaproxyState, { target, doubt }: NeedFacts): boolean {
  if (target === 'file' || state.kind !== 'running') {
    return false;
  }
  return state.mark === hashText(text) && doubt(state.pid) === null;
}

function loadNeed(state: PresentHaproxy, facts: NeedFacts): Need {
  if (state.kind === 'unseen') {
    if (!facts.pending) {
      return { kind: 'nothing' };
    }
    return { kind: 'load', reasons: ['the file was published, and HAProxy not told to load it'] };
  }
  if (state.mark === facts.installedMark) {
    const doubt = facts.doubt(state.pid);
    return doubt === null ? { kind: 'nothing' } : { kind: 'load', reasons: [doubt] };
  }
  const found = state.mark === null ? 'a configuration without our mark' : `the text ${state.mark}`;
  return { kind: 'load', reasons: [`HAProxy runs ${found}`] };
}
