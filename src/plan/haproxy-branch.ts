/** The branch of `3.4.7-1` as a number that sorts, 304; 0 where it is no version. A configuration and the Runtime API depend on it. */
export function branchOf(version: string): number {
  const [, major = 0, minor = 0] = /^v?(\d+)\.(\d+)/.exec(version) ?? [];
  return Number(major) * 100 + Number(minor);
}

/** `3.4.7` of `3.4.7-1`, as templates see it; `''` where it is no version. */
export function plainVersion(version: string): string {
  return /^\d+(\.\d+)*/.exec(version)?.[0] ?? '';
}

/**
 * What to say where HAProxy is of another branch than the one that judges its configuration, and what to do. Null where
 * it is not, or one of both is not known.
 */
export function otherBranch(running: string | null, judge: string | null): string | null {
  if (running === null || judge === null || branchOf(running) === branchOf(judge)) {
    return null;
  }
  return (
    `HAProxy ${running} runs, but ${judge} judges its configuration: one branch may refuse what the other accepts. ` +
    'Let the same one judge it: haproxy.binary or haproxy.checkCommand'
  );
}
