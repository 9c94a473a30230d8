import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, dirname } from 'node:path';
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
  if (branch === branchOf('etcd')) {
    return { name: branch, path: 'etcd' };
  }
  const path = fileURLToPath(new URL(`../../.cache/etcd-${branch}/bin/etcd`, import.meta.url));
  if (!existsSync(path)) {
    throw new Error(`etcd ${branch} for the tests: ${path} is missing; ${SETUP}`);
  }
  return { name: branchOf(path), path };
}

/** Makes `etcd` mean the one of a branch for this process and all that it starts, until the end. */
export function chooseEtcd(branch: string): Disposable {
  const before = process.env.PATH;
  const { path } = etcdOf(branch);
  if (path !== 'etcd') {
    process.env.PATH = `${dirname(path)}${delimiter}${before}`;
  }
  return {
    [Symbol.dispose]() {
      process.env.PATH = before;
    },
  };
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
