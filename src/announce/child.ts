import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { asError, SystemError } from '../errors.ts';
import { whyNotRun } from '../system/run-program.ts';

/** How a service has ended. */
export interface ChildEnd {
  /** Its own exit code, or 128 and the number of the signal that ended it, as shells have it. */
  readonly exitCode: number;
  readonly signal: NodeJS.Signals | null;
}

/** A service that runs as our child. */
export interface Child {
  readonly pid: number;
  /** Never rejects. */
  readonly ended: Promise<ChildEnd>;
  /** Passes a signal on to it; of one that has ended nothing is said. */
  send(signal: NodeJS.Signals): void;
}

export interface ChildOptions {
  /** What files of its own are not to be, as it was before we set ours. */
  readonly umask: number;
}

/**
 * Starts a service with our stdin, stdout and stderr. It leads a session of its own: what a terminal sends to all (Ctrl-C) reaches it
 * by `send()` alone, after the drain. It does not outlive us where we end by ourselves or by a bug; where we are killed
 * it is up to the container or to systemd, which end all of their processes.
 *
 * @throws SystemError where it cannot be run
 */
export async function startChild(
  command: string,
  args: readonly string[],
  { umask }: ChildOptions,
): Promise<Child> {
  const doing = `starting ${command}`;
  const ours = process.umask(umask);
  let child: ReturnType<typeof spawn>;
  try {
    child = spawn(command, args, { stdio: 'inherit', detached: true });
  } catch (thrown) {
    const error = asError(thrown);
    throw new SystemError(`${doing}: ${whyNotRun(command, error)}`, { cause: error });
  } finally {
    process.umask(ours);
  }
  const end = () => child.kill('SIGTERM');
  process.once('exit', end);
  const ended = new Promise<ChildEnd>((resolve) => {
    child.once('exit', (code, signal) => {
      process.off('exit', end);
      resolve({ exitCode: code ?? 128 + numberOf(signal), signal });
    });
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (error) => {
      process.off('exit', end);
      reject(new SystemError(`${doing}: ${whyNotRun(command, error)}`, { cause: error }));
    });
  });
  // A signal that could not be sent is no reason to end.
  child.on('error', () => undefined);
  return { pid: child.pid ?? 0, ended, send: (signal) => void child.kill(signal) };
}

function numberOf(signal: NodeJS.Signals | null): number {
  return signal === null ? 0 : constants.signals[signal];
}
