import { execFileSync } from 'node:child_process';
import { parseVersion } from '../../src/haproxy/version.ts';
import { cli } from './haproxy.ts';

let exclusive: boolean | undefined;

/**
 * Has the machine's `haproxy` load its file once more as a stranger does: by SIGUSR2 to its master. From 3.1 on by the
 * master socket, which refuses that while a worker loads: a signal in that moment costs requests there by itself
 * (docs/decisions/haproxy-versions.md, "The master"), and says nothing about Pointsman.
 */
export async function reloadAsStranger(master: number, masterSocket: string): Promise<void> {
  exclusive ??= loadsAreExclusive();
  if (!exclusive) {
    process.kill(master, 'SIGUSR2');
  }
  // Nobody answers where the master is on its way to another load.
  else {
    await cli(masterSocket, 'reload').catch(() => undefined);
  }
}

function loadsAreExclusive(): boolean {
  const branch = parseVersion(execFileSync('haproxy', ['-v'], { encoding: 'utf8' }))?.branch ?? '0.0';
  const [major = 0, minor = 0] = branch.split('.').map(Number);
  return major > 3 || (major === 3 && minor >= 1);
}
