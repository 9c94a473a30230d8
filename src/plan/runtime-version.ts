import { branchOf } from './haproxy-branch.ts';

/** What the Runtime API of a HAProxy can do, as far as a plan depends on it. */
export interface RuntimeAbilities {
  /** As a number that sorts: 2.6 is 206, 3.0 is 300. */
  readonly branch: number;
  /**
   * Dynamic servers start with the same settings as servers of the file. Before 3.0 some are missing, and must be
   * said: pools (connections would never be reused), the limit of errors, `minconn`.
   */
  readonly completeDefaults: boolean;
  /**
   * A server that comes without an id of its own gets its place on the ring of `balance random` before its id is known,
   * the same as others like it: it gets no request, or takes those of others.
   */
  readonly randomById: boolean;
  /** How a backend is balanced that does not say it. */
  readonly defaultBalance: 'roundrobin' | 'random';
}

/** The first branch whose `add server` needs no experimental mode. */
const OLDEST = 206;
const COMPLETE_DEFAULTS = 300;
const RANDOM_WITHOUT_IDS = 300;
const DEFAULT_RANDOM = 303;

/** Reads `2.6`, `2.6.12-1+deb12u4`, `3.0.11`. Null where it is no version, or too old for servers at run time. */
export function runtimeAbilities(version: string): RuntimeAbilities | null {
  const branch = branchOf(version);
  return branch < OLDEST ? null : abilitiesOf(branch);
}

/** What the Runtime API of a branch can do; the branch may be one that is to come. */
export function abilitiesOf(branch: number): RuntimeAbilities {
  return {
    branch,
    completeDefaults: branch >= COMPLETE_DEFAULTS,
    randomById: branch < RANDOM_WITHOUT_IDS,
    defaultBalance: branch >= DEFAULT_RANDOM ? 'random' : 'roundrobin',
  };
}
