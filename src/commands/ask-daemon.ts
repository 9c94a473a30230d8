import path from 'node:path';
import { text } from 'node:stream/consumers';
import { request } from '../system/http.ts';

/** Milliseconds that the daemon may take to answer. */
const PATIENCE = 2_000;

/** What the daemon of a state folder says. */
export type DaemonSays =
  | { readonly kind: 'answered'; readonly body: unknown }
  | { readonly kind: 'no daemon' }
  /** One is there, or something in the way of it: what is known. */
  | { readonly kind: 'silent'; readonly why: string };

/** Where the daemon of a state folder answers the commands of its host. */
export function controlSocketOf(stateDir: string): string {
  return path.join(stateDir, 'control.sock');
}

/** Asks the daemon of a state folder; never rejects, but where `signal` aborts. */
export async function askDaemon(stateDir: string, what: string, signal: AbortSignal): Promise<DaemonSays> {
  const until = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)]);
  try {
    return { kind: 'answered', body: JSON.parse(await get(controlSocketOf(stateDir), what, until)) };
  } catch (error) {
    signal.throwIfAborted();
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ECONNREFUSED') {
      return { kind: 'no daemon' };
    }
    const why = until.aborted ? `no answer in ${PATIENCE / 1000} s` : message;
    return { kind: 'silent', why };
  }
}

async function get(socketPath: string, what: string, signal: AbortSignal): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const asked = request({ socketPath, path: what, signal, agent: false }, (response) => {
    text(response).then(resolve, reject);
  });
  asked.on('error', reject).end();
  return promise;
}
