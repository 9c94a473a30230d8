import { runtimeAbilities } from '../plan/runtime-version.ts';
import type { Usability } from '../ports/runtime.ts';
import { loadedBy, otherFilesOf } from './loaded-files.ts';
import type { RuntimeSession } from './runtime-session.ts';
import { SocketError } from './socket-command.ts';

const ONLY_RELOADS = 'the Runtime API is not used, every change is a reload';

/** Says why there is no stats socket to use. */
export function noStatsSocket(): Usability {
  return { kind: 'no', reason: `${ONLY_RELOADS}: haproxy.statsSocket is empty` };
}

/** Asks a worker whether its servers can be changed: its version, what its stats socket allows, and which files it loaded. */
export async function askUsability(
  path: string,
  configPath: string,
  open: () => RuntimeSession,
): Promise<Usability> {
  try {
    await using session = open();
    const [info, level] = await Promise.all([session.info(), session.ask('show cli level')]);
    const { version } = info;
    if (!runtimeAbilities(version)) {
      return {
        kind: 'no',
        reason: `${ONLY_RELOADS}: HAProxy ${version} cannot change servers while it runs; 2.6 can`,
      };
    }
    if (level !== 'admin') {
      const reason = `${ONLY_RELOADS}: the stats socket ${path} is not at level admin; write "stats socket ${path} level admin" in the template`;
      return { kind: 'no', reason };
    }
    return { kind: 'yes', version, otherFiles: await otherFilesOf(session, loadedBy(info), configPath) };
  } catch (error) {
    if (!(error instanceof SocketError)) {
      throw error;
    }
    if (error.trouble === 'missing' || error.trouble === 'denied' || error.trouble === 'stranger') {
      return { kind: 'no', reason: `${ONLY_RELOADS}: ${error.advice}` };
    }
    return { kind: 'away', cause: error.advice };
  }
}
