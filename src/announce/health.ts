import { connect } from 'node:net';
import { rest } from '../ports/clock.ts';
import { request } from '../system/http.ts';
import type { HealthCheck } from './health-check.ts';

export interface HealthOptions {
  readonly check: HealthCheck;
  /** Milliseconds between two checks of one that is well. @default 5000 */
  readonly every?: number | undefined;
  /** So many good checks in a row make it well. @default 2 */
  readonly rise?: number | undefined;
  /** So many bad checks in a row end that. @default 3 */
  readonly fall?: number | undefined;
  /** Milliseconds that one check may take. @default 2000 */
  readonly timeout?: number | undefined;
}

/** How an instance is. */
export type Health = { readonly kind: 'well' } | { readonly kind: 'unwell'; readonly reason: string };

/** Milliseconds between two checks of one that is to become well: it is served right after. */
const QUICK = 100;
/** Docker's proxy takes a connection first and then closes it where nobody listens behind it: so many milliseconds tell. */
const STAYS_OPEN = 50;

/**
 * Asks an instance how it is, until `signal` aborts; then it resolves. It begins as unwell. `onChange` is called where
 * that changes, and where the reason does; a bad check of one that is well is told only when it is the last of `fall`.
 *
 *     unwell  --every 100 ms, `rise` good ones-->  well
 *     well    --every `every`, `fall` bad ones-->  unwell
 */
export async function watchHealth(
  { check, every = 5_000, rise = 2, fall = 3, timeout = 2_000 }: HealthOptions,
  onChange: (health: Health) => void,
  signal: AbortSignal,
): Promise<void> {
  let health: Health | null = null;
  let inRow = 0;
  const become = (next: Health) => {
    if (health?.kind !== next.kind) {
      inRow = 0;
    }
    health = next;
    onChange(next);
  };
  // A function, since what a closure writes is not seen here.
  const now = (): Health | null => health;
  while (!signal.aborted) {
    const reason = await whyUnwell(check, timeout, signal);
    if (signal.aborted) {
      return;
    }
    const before = now();
    if (before?.kind === 'well') {
      inRow = reason === null ? 0 : inRow + 1;
      if (reason !== null && inRow >= fall) {
        become({ kind: 'unwell', reason });
      }
    } else {
      inRow = reason === null ? inRow + 1 : 0;
      if (reason === null) {
        if (inRow >= rise) {
          become({ kind: 'well' });
        }
      } else if (reason !== before?.reason) {
        become({ kind: 'unwell', reason });
      }
    }
    await rest(now()?.kind === 'well' ? every : QUICK, signal);
  }
}

/** One check: null where it is good. */
function whyUnwell(check: HealthCheck, timeout: number, signal: AbortSignal): Promise<string | null> {
  return check.kind === 'tcp' ? tryTcp(check, timeout, signal) : tryHttp(check.url, timeout, signal);
}

function tryTcp(
  { host, port }: Extract<HealthCheck, { kind: 'tcp' }>,
  timeout: number,
  signal: AbortSignal,
): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const over = (reason: string | null) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
      socket.destroy();
      resolve(reason);
    };
    const stop = () => over('stopped');
    let timer = setTimeout(() => over(`no connection to ${host}:${port} in ${timeout} ms`), timeout);
    signal.addEventListener('abort', stop);
    socket.once('connect', () => {
      clearTimeout(timer);
      timer = setTimeout(() => over(null), STAYS_OPEN);
    });
    socket.once('data', () => over(null));
    socket.once('end', () => over(`${host}:${port} closes the connection at once`));
    socket.on('error', (error) => over(inWords(error)));
  });
}

/** Good is what HAProxy's `option httpchk` takes for good: 2xx and 3xx. */
function tryHttp(url: string, timeout: number, signal: AbortSignal): Promise<string | null> {
  return new Promise((resolve) => {
    const sent = request(url, { agent: false, headers: { 'user-agent': 'pointsman-check' } });
    const over = (reason: string | null) => {
      resolve(reason);
      if (reason !== null) {
        sent.destroy();
      }
    };
    const stop = () => sent.destroy();
    // The rest of the answer is heard, so that nobody is told of a broken pipe; but not for ever.
    const timer = setTimeout(() => over(`no answer in ${timeout} ms`), timeout);
    signal.addEventListener('abort', stop);
    sent.once('response', (response) => {
      const { statusCode = 0 } = response;
      response.on('error', () => undefined).resume();
      over(statusCode >= 200 && statusCode < 400 ? null : `it answers ${statusCode}`);
    });
    sent.on('error', (error) => over(inWords(error)));
    sent.once('close', () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
      over('the connection was closed without an answer');
    });
    sent.end();
  });
}

function inWords(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'ECONNREFUSED':
      return 'nobody listens there (connection refused)';
    case 'ECONNRESET':
      return 'the connection was reset';
    default:
      // Of several addresses of a name the errors are joined, without a message.
      return error.message || (error.code ?? error.name);
  }
}
