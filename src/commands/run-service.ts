import { startChild } from '../announce/child.ts';
import type { Tell } from '../announce/events.ts';
import type { Io } from './io.ts';

/** A service that runs as our child, from its start to its end. */
export interface RunningService {
  runs(): boolean;
  /** Aborts when it has ended. */
  readonly gone: AbortSignal;
  /** Passes the signal that ends us on, once, and waits for its end. Gives its exit code. */
  end(signal: unknown): Promise<number>;
}

/** What ends a service in order beside SIGTERM and SIGINT: nginx and others have it as their `STOPSIGNAL`. */
const QUIT = 'SIGQUIT';
/** What services take for other things than their end. */
const PASSED_ON: readonly NodeJS.Signals[] = ['SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH'];

interface RunOf {
  readonly io: Io;
  readonly tell: Tell;
  /** Is aborted where a signal or the service's own end is to end us. */
  readonly stop: AbortController;
}

/** Runs a service as our child. Throws a `SystemError` where it cannot be run. */
export async function runService(
  [program = '', ...args]: readonly string[],
  { io, tell, stop }: RunOf,
): Promise<RunningService> {
  const child = await startChild(program, args, { umask: io.umask });
  tell({ kind: 'service-started', program, pid: child.pid });
  io.onSignal([QUIT], (name) => stop.abort(name));
  io.onSignal(PASSED_ON, child.send);
  let asked = false;
  const gone = new AbortController();
  const ended = child.ended.then((end) => {
    tell({ kind: 'service-ended', program, ...end, asked });
    gone.abort();
    stop.abort(`${program} ended`);
    return end.exitCode;
  });
  return {
    runs: () => !gone.signal.aborted,
    gone: gone.signal,
    end(signal) {
      if (!gone.signal.aborted) {
        asked = true;
        child.send(signal === 'SIGINT' || signal === QUIT ? signal : 'SIGTERM');
      }
      return ended;
    },
  };
}
