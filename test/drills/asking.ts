import { setTimeout as sleep } from 'node:timers/promises';
import { request } from '../support/haproxy.ts';
import { hold, PAUSE } from './rig.ts';

/** One request and what came of it. Times are those of `performance.now()`. */
export interface Asked {
  readonly host: string;
  readonly begun: number;
  readonly ended: number;
  /** The body, or why there was none. */
  readonly said: string;
  readonly ok: boolean;
}

/** Requests, each on a fresh connection, that are all remembered. */
export interface Asking extends AsyncDisposable {
  readonly all: readonly Asked[];
  /** Those without a good answer that were begun later than `since`. */
  failed(since?: number): readonly Asked[];
  /** Those that another service than theirs answered, and that were begun later than `since`. */
  wrong(since?: number): readonly Asked[];
}

/** For each service: some requests are under way at any moment, others are many. */
const PATHS = ['/', '/', '/cgi-bin/slow', '/cgi-bin/slow', '/cgi-bin/slow', '/cgi-bin/slow'];

/** Asks for each of these services, which answer `<service>/<name>`, until it is disposed. */
export function startAsking(url: string, services: readonly string[]): Asking {
  const all: Asked[] = [];
  let stopped = false;
  const loop = async (host: string, path: string) => {
    while (!stopped) {
      const begun = performance.now();
      const answer = await request(`${url}${path}`, { host, timeout: 10_000 }).catch((error: Error) => error);
      const ended = performance.now();
      const ok = !(answer instanceof Error) && answer.status === 200;
      const said = answer instanceof Error ? answer.message : ok ? answer.body.trim() : `${answer.status}`;
      all.push({ host, begun, ended, said, ok });
      await sleep(PAUSE);
    }
  };
  const running = services.flatMap((host) => PATHS.map((path) => loop(host, path)));
  return {
    all,
    failed: (since = 0) => all.filter(({ ok, begun }) => !ok && begun > since),
    wrong: (since = 0) =>
      all.filter(({ ok, said, host, begun }) => ok && begun > since && !said.startsWith(`${host}/`)),
    async [Symbol.asyncDispose]() {
      stopped = true;
      await Promise.all(running);
    },
  };
}

/** Throws where requests failed or went wrong that were begun later than `since`. */
export function noneLost(asking: Asking, since = 0): string {
  const lost = [...asking.failed(since), ...asking.wrong(since)];
  const [first] = lost;
  hold(
    first === undefined,
    `every request is answered: ${lost.length} of ${asking.all.length} were not, first ${JSON.stringify(first)}`,
  );
  return `0 of ${asking.all.length} requests failed`;
}
