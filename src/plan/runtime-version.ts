/** What the Runtime API of a HAProxy can do, as far as a plan depends on it. */
export interface RuntimeAbilities {
  /** As a number that sorts: 2.6 is 206, 3.0 is 300. */
  readonly branch: number;
  /**
   * Dynamic servers start with the same settings as servers of the file. Before 3.0 some are missing, and must be
   * said: pools (connections would never be reused), the limit of errors, `minconn`.
   */
  readonly completeDefaults: boolean;
}

/** The first branch whose `add server` needs no experimental mode. */
const OLDEST = 206;
const COMPLETE_DEFAULTS = 300;

/** Reads `2.6`, `2.6.12-1+deb12u4`, `3.0.11`. Null where it is no version, or too old for servers at run time. */
export function runtimeAbilities(version: string): RuntimeAbilities | null {
  const found = /^v?(\d+)\.(\d+)/.exec(version);
  if (!found) return null;
  const branch = Number(found[1]) * 100 + Number(found[2]);
  return branch < OLDEST ? null : { branch, completeDefaults: branch >= COMPLETE_DEFAULTS };
}
