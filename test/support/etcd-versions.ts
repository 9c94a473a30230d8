import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** An etcd that tests run against. */
export interface EtcdBinary {
  /** Its branch, for titles: `3.4`. */
  readonly name: string;
  /** What to start: a name on PATH or an absolute path. */
  readonly path: string;
}

const SETUP = 'run: npm run setup -- --test';
const BRANCHES = ['3.4', '3.5'];

/**
 * Every etcd that tests are to pass on: the machine's own (3.4 on Debian 12), and the one that set-up puts beside it.
 *
 * @throws when one of them is missing, with the command that installs it
 */
export const etcdVersions: readonly EtcdBinary[] = BRANCHES.map(etcdOf);

/** The etcd of a branch. */
export function etcdOf(branch: string): EtcdBinary {
  if (branch === branchOf('etcd')) return { name: branch, path: 'etcd' };
  const path = fileURLToPath(new URL(`../../.cache/etcd-${branch}/bin/etcd`, import.meta.url));
  if (!existsSync(path)) throw new Error(`etcd ${branch} for the tests: ${path} is missing; ${SETUP}`);
  return { name: branchOf(path), path };
}

function branchOf(binary: string): string {
  let banner: string;
  try {
    banner = execFileSync(binary, ['--version'], { encoding: 'utf8' });
  } catch (cause) {
    throw new Error(`etcd for the tests: ${binary} does not start; ${SETUP}`, { cause });
  }
  return /Version: (\d+\.\d+)/.exec(banner)?.[1] ?? 'unknown';
}
