import { subscribe } from 'node:diagnostics_channel';
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

/** How long a proxy may take for its answer to CONNECT. */
const ANSWER_LIMIT = 1_500;

/** What a proxy last said instead of letting us through, by `host:port` of the server that was wanted. */
const refusals = new Map<string, string>();
let watching = false;

/**
 * Bounds what grpc asks of the environment's HTTP proxy, from the first call on: grpc itself waits for an answer for
 * ever, and leaves the connection to a proxy that refuses and does not close open, one more with each try
 * (grpc-js 1.14, http_proxy.js).
 */
export async function boundTunnels(): Promise<void> {
  if (watching) {
    return;
  }
  watching = true;
  // It would write a line of its own to stderr with each try.
  const { logVerbosity, setLogVerbosity } = await import('@grpc/grpc-js');
  setLogVerbosity(logVerbosity.NONE);
  subscribe('http.client.request.start', (message) => {
    const { request } = message as { readonly request: ClientRequest };
    if (request.method === 'CONNECT') {
      bound(request);
    }
  });
}

/** Why the proxy lets nobody through to an endpoint, or null where nothing speaks against it. */
export function whyNoTunnel(endpoint: string): string | null {
  return refusals.get(new URL(endpoint).host) ?? null;
}

/**
 * Whether `no_proxy` names the host of an endpoint: by comma and blanks, `*`, an address, a name or what it ends with.
 * grpc knows no blanks and no `*`.
 */
export function isExcepted(endpoint: string, noProxy: string): boolean {
  const host = new URL(endpoint).hostname.replace(/^\[|\]$/g, '').toLowerCase();
  return noProxy
    .toLowerCase()
    .split(/[\s,]+/)
    .filter((one) => one !== '')
    .map((one) => one.replace(/^\*?\./, ''))
    .some((one) => one === '*' || host === one || host.endsWith(`.${one}`));
}

function bound(request: ClientRequest): void {
  const wanted = request.path;
  const late = setTimeout(() => {
    refusals.set(wanted, `the HTTP proxy did not answer in ${ANSWER_LIMIT / 1000} s`);
    request.destroy(new Error('no answer to CONNECT'));
  }, ANSWER_LIMIT);
  // Before grpc's own listeners, which take all others away.
  request.prependOnceListener('connect', ({ statusCode }: IncomingMessage, socket: Socket) => {
    clearTimeout(late);
    if (statusCode === 200) {
      refusals.delete(wanted);
      return;
    }
    refusals.set(wanted, `the HTTP proxy answered ${statusCode}`);
    socket.destroy();
  });
  request.prependOnceListener('error', (error: NodeJS.ErrnoException) => {
    clearTimeout(late);
    if (error.message !== 'no answer to CONNECT') {
      refusals.set(wanted, `the HTTP proxy: ${error.code ?? error.message}`);
    }
  });
}
