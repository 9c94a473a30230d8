/** `3.4` of `3.4.7-1`: what a configuration and the Runtime API depend on. Null where it is no version. */
export function branchOf(version: string): string | null {
  return /^v?(\d+\.\d+)/.exec(version)?.[1] ?? null;
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
