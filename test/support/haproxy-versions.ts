import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** A HAProxy that tests run against. */
export interface HaproxyBinary {
  /** Its branch, for titles: `2.6`. */
  readonly name: string;
  /** What to start: a name on PATH or an absolute path. */
  readonly path: string;
}

const SETUP = 'run: npm run setup -- --test';
const BRANCHES = ['2.6', '3.0', '3.2', '3.4'];

/**
 * Every HAProxy that tests are to pass on: the machine's own (2.6 on Debian 12), and those that set-up puts beside it.
 *
 * @throws when one of them is missing, with the command that installs it
 */
export const haproxyVersions: readonly HaproxyBinary[] = BRANCHES.map(haproxyOf);

/**
 * The oldest and the newest of them, for stories in which nothing is expected to differ by version: what does differ is
 * tested on all of them by itself. `npm run test:all` tells these stories on all of them too.
 */
export const oldestAndNewest: readonly HaproxyBinary[] =
  process.env.TEST_ALL === undefined
    ? haproxyVersions.filter((_, at) => at === 0 || at === haproxyVersions.length - 1)
    : haproxyVersions;

/** The HAProxy of a branch. */
export function haproxyOf(branch: string): HaproxyBinary {
  if (branch === branchOf('haproxy')) {
    return { name: branch, path: 'haproxy' };
  }
  const path = fileURLToPath(new URL(`../../.cache/haproxy-${branch}/bin/haproxy`, import.meta.url));
  if (!existsSync(path)) {
    throw new Error(`HAProxy ${branch} for the tests: ${path} is missing; ${SETUP}`);
  }
  return { name: branchOf(path), path };
}

function branchOf(binary: string): string {
  let banner: string;
  try {
    banner = execFileSync(binary, ['-v'], { encoding: 'utf8' });
  } catch (cause) {
    throw new Error(`HAProxy for the tests: ${binary} does not start; ${SETUP}`, { cause });
  }
  return /version (\d+\.\d+)/.exec(banner)?.[1] ?? 'unknown';
}
