import type { GuardRule } from '../events-guard.ts';
import type { ReadEntry } from '../model/read-entry.ts';
import type { Hold } from '../ports/stores.ts';
import { type Counted, type Group, isService } from './counted.ts';

/** `guard` of the settings; durations in milliseconds. */
export interface GuardOptions {
  readonly share: number;
  readonly minimum: number;
  readonly window: number;
  readonly hold: number;
}

/** What became of a key within the window. */
export interface Recent {
  readonly entry: ReadEntry;
  readonly kind: Counted;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly what: 'came' | 'went' | 'came and went';
  /** Another one of its group came for it, before it went or after. */
  readonly isMadeUpFor: boolean;
}

/** A hold, with what its key is to the guard. */
export interface Held extends Hold {
  readonly entry: ReadEntry;
  readonly kind: Counted;
  /** When time alone ends it, in milliseconds since 1970; null where it does not. */
  readonly until: number | null;
}

/** Of the instances of all services: how many the sources have, and how many fewer that are. */
export interface ServiceSums {
  readonly there: number;
  readonly net: number;
  /** A service that grew makes up for no other one. */
  readonly lost: number;
}

/** What the guard judges by. */
export interface Evidence {
  /** How many keys the sources have now, by group. */
  readonly there: ReadonlyMap<Group, number>;
  /** How many fewer keys there are in each group than a window ago: what is held counts as gone, and arrivals against losses. */
  readonly losses: ReadonlyMap<Group, number>;
  readonly services: ServiceSums;
  readonly recent: ReadonlyMap<string, Recent>;
  /** The keys that went just now, and the groups that lost one. */
  readonly leaving: ReadonlySet<string>;
  readonly losers: ReadonlySet<Group>;
  /** The sources (by their place) whose store went back in revision or is empty. */
  readonly doubted: ReadonlySet<number>;
  readonly now: number;
}

/** What disappeared within this part of the window belongs together. */
const TOGETHER = 0.1;
/** Routes and free keys: so many at least must go to be suspect. */
const FEWEST_KEYS = 2;

/**
 * Says which of the keys that went within the window are suspect, and by which rule: the tree of a window ago is compared
 * with now. Rules: docs/guard.md.
 */
export function suspects(evidence: Evidence, options: GuardOptions): ReadonlyMap<Recent, GuardRule> {
  const { leaving, losers, doubted, recent, services, now } = evidence;
  const byGroup = groupRules(evidence, options);
  const isEverything = losers.size > 0 && services.there === 0;
  const isTotal = losers.size > 0 && isTotalLoss(evidence, options);
  const together = now - options.window * TOGETHER;
  const ruleOf = ({ entry, kind, what, at }: Recent): GuardRule | null => {
    if (doubted.has(entry.source)) {
      return 'store';
    }
    const isInstance = kind.service !== null;
    if (isEverything && isInstance) {
      return 'everything';
    }
    const rule = isTotal && isInstance && what === 'went' ? 'total' : byGroup.get(kind.group);
    // What came within the window is no loss, but where nothing is left of its service.
    const isSpared = rule !== 'emptied' && what === 'came and went';
    return rule === undefined || isSpared || (rule === 'service' && at < together) ? null : rule;
  };
  const found = new Map<Recent, GuardRule>();
  if (doubted.size === 0 && !isEverything && !isTotal && byGroup.size === 0) {
    return found;
  }
  for (const one of recent.values()) {
    // Whose place another one had already is no loss of now.
    const isReplaced = one.isMadeUpFor && !leaving.has(one.entry.key);
    const rule = one.what === 'came' || isReplaced ? null : ruleOf(one);
    if (rule !== null) {
      found.set(one, rule);
    }
  }
  return found;
}

/** The rules of those groups whose own loss is suspect. */
function groupRules(
  { losers, there, losses }: Evidence,
  { share, minimum }: GuardOptions,
): ReadonlyMap<Group, GuardRule> {
  const rules = new Map<Group, GuardRule>();
  for (const group of losers) {
    const [left, loss] = [there.get(group) ?? 0, losses.get(group) ?? 0];
    const isHeavy = (least: number) => loss >= least && loss > share * (left + loss);
    if (group === 'routes' || group === 'keys') {
      if (isHeavy(FEWEST_KEYS)) {
        rules.set(group, group);
      }
    } else if (left === 0) {
      rules.set(group, 'emptied');
    } else if (isHeavy(minimum)) {
      rules.set(group, 'service');
    }
  }
  return rules;
}

/** Whether all services together lose too much. Where a single one makes up the whole loss, its own rule says what is held. */
function isTotalLoss({ losers, losses, services }: Evidence, { share, minimum }: GuardOptions): boolean {
  const { there, net, lost } = services;
  const isSingle = [...losers].some((group) => isService(group) && losses.get(group) === lost);
  return lost >= minimum && lost > share * (there + net) && !isSingle;
}
