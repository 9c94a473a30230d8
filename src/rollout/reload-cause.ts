import { RELOAD_CAUSES, type ReloadCause } from '../events.ts';
import type { Reason } from '../plan/plan.ts';
import type { Action } from './decide.ts';
import type { Facts } from './facts.ts';

/** The reasons of a plan in a word: of several the first of `RELOAD_CAUSES`. */
export function causeOfPlan(reasons: readonly Pick<Reason, 'about' | 'section'>[]): ReloadCause {
  const found = new Set(reasons.map(causeOf));
  return RELOAD_CAUSES.find((cause) => found.has(cause)) ?? 'unplanned';
}

/** Why an action has HAProxy load the file, in a word; null where it does not. */
export function reloadCause({ kind }: Pick<Action, 'kind'>, facts: Known): ReloadCause | null {
  const { way } = facts;
  switch (kind) {
    case 'mend':
      return 'drift';
    case 'load':
      return way.kind === 'reload' ? way.cause : 'drift';
    case 'reload':
      return way.kind === 'reload' ? way.cause : causeWithoutPlan(facts);
    default:
      return null;
  }
}

type Known = Pick<Facts, 'way' | 'haproxy' | 'installed' | 'ahead'>;

function causeWithoutPlan({ way, haproxy, installed, ahead }: Known): ReloadCause {
  if (way.reasons.length > 0) {
    return 'runtime';
  }
  const expected = ahead ?? (installed?.isOurs ? installed : null);
  const isOther = haproxy.kind === 'running' && expected !== null && haproxy.mark !== expected.hash;
  return isOther ? 'drift' : 'unplanned';
}

function causeOf({ about, section }: Pick<Reason, 'about' | 'section'>): ReloadCause {
  switch (about) {
    case 'anything':
      return 'runtime';
    case 'section':
      return 'sections';
    case 'server':
      return 'servers';
    case 'line':
      return OF_LINES.get(section?.split(' ', 1)[0] ?? '') ?? 'settings';
    default:
      return about satisfies never;
  }
}

const OF_LINES: ReadonlyMap<string, ReloadCause> = new Map([
  ['frontend', 'frontends'],
  ['listen', 'frontends'],
  ['backend', 'backends'],
]);
