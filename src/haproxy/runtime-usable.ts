import { runtimeAbilities } from '../plan/runtime-version.ts';
import type { Usability } from '../ports/runtime.ts';
import { loadedBy, otherFilesOf } from './loaded-files.ts';
import type { RuntimeSession } from './runtime-session.ts';
import { whereNoAnswer } from './socket-command.ts';

/** Where a worker is asked. */
export interface AskedWorker {
  /** Empty for none. */
  readonly statsSocket: string;
  readonly configPath: string;
  readonly open: () => RuntimeSession;
}

/** Asks a worker whether its servers can be changed: its version, what its stats socket allows, and which files it loaded. */
export function askUsability(worker: AskedWorker): Promise<Usability> {
  return worker.statsSocket === ''
    ? Promise.resolve(no('haproxy.statsSocket is empty'))
    : whereNoAnswer(ask(worker), ({ trouble, advice }) =>
        trouble === 'missing' || trouble === 'denied' || trouble === 'stranger'
          ? no(advice)
          : { kind: 'away', cause: advice },
      );
}

async function ask({ statsSocket: path, configPath, open }: AskedWorker): Promise<Usability> {
  await using session = open();
  const [info, level] = await Promise.all([session.info(), session.ask('show cli level')]);
  const { version } = info;
  if (!runtimeAbilities(version)) {
    return no(`HAProxy ${version} cannot change servers while it runs; 2.6 can`);
  }
  if (level !== 'admin') {
    return no(
      `the stats socket ${path} is not at level admin; write "stats socket ${path} level admin" in the template`,
    );
  }
  return { kind: 'yes', version, otherFiles: await otherFilesOf(session, loadedBy(info), configPath) };
}

function no(reason: string): Usability {
  return { kind: 'no', reason: `the Runtime API is not used, every change is a reload: ${reason}` };
}
