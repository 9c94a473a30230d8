import type { Server, ServerResponse } from 'node:http';
import { type AnnounceMetrics, METRICS_TYPE } from '../announce/announce-metrics.ts';
import type { RegistrarState } from '../announce/registrar.ts';
import { allowedHosts } from '../status/allowed-hosts.ts';
import { CONNECTION_LIMITS, Connections } from '../status/connections.ts';
import { type ListenAddress, listenError } from '../status/listen-error.ts';

export interface AnnounceStatusOptions {
  /** Nothing is served without. */
  readonly listen: ListenAddress | undefined;
  /** `status.hosts` of the settings. */
  readonly hosts: readonly string[];
  readonly version: string;
  readonly metrics: AnnounceMetrics;
  readonly state: () => RegistrarState;
  /** Whether it is ready with nothing registered at all. */
  readonly mayBeEmpty: boolean;
  /** Of `sync`: whether this one leads. */
  readonly leads?: () => boolean;
}

/**
 * Answers `/healthz` (it lives), `/readyz` (what is announced stands in etcd) and `/metrics`. By node:http alone: fastify
 * would cost a process for each container 10 MB. Throws a `SystemError` where the address is taken.
 */
export async function serveAnnounce(options: AnnounceStatusOptions): Promise<AsyncDisposable> {
  const { listen, hosts } = options;
  if (listen === undefined) {
    return { [Symbol.asyncDispose]: async () => undefined };
  }
  const connections = new Connections(CONNECTION_LIMITS);
  const isAllowed = allowedHosts([...hosts, listen.host]);
  const server = connections.serve((request, response) => {
    const { url = '', headers } = request;
    const tooMany = connections.tooMany(url);
    if (!isAllowed(headers.host)) {
      answer(response, 421, 'nobody answers here for this Host: status.hosts of the settings names those\n');
    } else if (tooMany !== null) {
      answer(response, 503, `${tooMany}\n`);
    } else {
      serve(options, url.split('?', 1)[0] ?? '', response);
    }
  });
  await listening(server, listen);
  return {
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
    },
  };
}

function serve(options: AnnounceStatusOptions, path: string, response: ServerResponse): void {
  const { metrics, state, version, mayBeEmpty, leads } = options;
  const now = Date.now();
  if (path === '/healthz') {
    // Where the loop of the process hangs, nobody answers.
    answer(response, 200, 'healthy\n');
  } else if (path === '/readyz') {
    const missing = whatIsMissing(state(), metrics, { mayBeEmpty, now });
    const isReady = missing.length === 0;
    const lines = [isReady ? 'ready' : 'not ready', ...missing];
    answer(response, isReady ? 200 : 503, `${lines.join('\n')}\n`);
  } else if (path === '/metrics') {
    answer(
      response,
      200,
      metrics.text({ state: state(), version, now, ...(leads && { leads: leads() }) }),
      METRICS_TYPE,
    );
  } else {
    answer(response, 404, 'there are /healthz, /readyz and /metrics\n');
  }
}

function whatIsMissing(
  { registered, held, refused, awaySince }: RegistrarState,
  { counts }: AnnounceMetrics,
  { mayBeEmpty, now }: { readonly mayBeEmpty: boolean; readonly now: number },
): readonly string[] {
  // Of all containers of a host, those that are not well are not what it is about.
  const unwell = mayBeEmpty ? [] : [...counts.unwell].map(([what, why]) => `${what} is not well: ${why}`);
  const engine = counts.engineAway === null ? [] : [counts.engineAway];
  const refusals = [...refused].map(([key, why]) => `etcd refuses ${key}: ${why}`);
  const others = [...held].map(([key, who]) => `${key} is ${who}`);
  const away =
    awaySince === null ? [] : [`etcd does not serve us for ${Math.round((now - awaySince) / 1000)} s`];
  const missing = [...away, ...engine, ...unwell, ...refusals, ...others];
  return missing.length === 0 && registered.length === 0 && !mayBeEmpty ? ['nothing is registered'] : missing;
}

function answer(
  response: ServerResponse,
  code: number,
  text: string,
  type = 'text/plain; charset=utf-8',
): void {
  const headers = { 'content-type': type, 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' };
  response.writeHead(code, headers).end(text);
}

function listening(server: Server, listen: ListenAddress): Promise<void> {
  const { host, port } = listen;
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => reject(listenError(listen, cause, 'announce.listen')));
    server.listen({ host: host === 'localhost' ? '127.0.0.1' : host, port }, resolve);
  });
}
