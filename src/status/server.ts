import type { RequestListener } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { allowedHosts } from './allowed-hosts.ts';
import { CONNECTION_LIMITS, type ConnectionLimits, Connections } from './connections.ts';
import { type ListenAddress, listenError } from './listen-error.ts';
import { listenOnSocket } from './listen-on-socket.ts';
import type { Metrics } from './metrics.ts';
import type { SourceStatus, Status } from './status.ts';
import { statusJson } from './status-json.ts';

/** The loop must turn at least this often, in milliseconds. */
export const MOST_TURN_AGE = 10_000;

/** What the server answers from. Times are milliseconds since 1970. */
export interface StatusServerOptions {
  /** `status.listen` of the settings; port 0 takes a free one. */
  readonly listen: ListenAddress;
  /** `status.hosts`: names in a `Host` header that are answered, besides addresses and `localhost`. */
  readonly hosts: readonly string[];
  /** @default CONNECTION_LIMITS */
  readonly limits?: ConnectionLimits;
  readonly status: () => Status;
  readonly metrics: Pick<Metrics, 'read'>;
  /** When the loop last turned. */
  readonly heartbeat: () => number;
  /** What the loop is at work on for longer than it may. */
  readonly overdue: () => OverdueStep | null;
  readonly now: () => number;
  /** What else answers here. */
  readonly addMore?: (server: FastifyInstance, door: Door) => void;
}

/** How somebody comes in: over TCP, as anybody may, or by a Unix socket that only our user may open. */
export type Door = 'tcp' | 'socket';

/** A step of the loop, and for how long it is at work. */
export interface OverdueStep {
  readonly step: string;
  readonly ms: number;
}

/** The running server. Disposing closes it at once, kept-alive connections too. */
export interface StatusServer extends AsyncDisposable {
  /** `http://127.0.0.1:9290`. */
  readonly url: string;
  /**
   * Answers the same on a Unix socket that only our user may open, with as many connections again; whoever comes by it may see
   * everything. Throws a `SystemError`.
   */
  answerOn(path: string): Promise<AsyncDisposable>;
}

/**
 * Answers `/healthz` (does the loop turn), `/readyz` (does HAProxy run a verified configuration),
 * `/api/status` and `/metrics`. Throws a `SystemError` that names the setting where the address is taken.
 */
export async function startStatusServer(options: StatusServerOptions): Promise<StatusServer> {
  const { server, connections, handler } = await makeServer(options, 'tcp');
  const { host, port } = options.listen;
  try {
    const url = await server.listen({ host: host === 'localhost' ? '127.0.0.1' : host, port });
    const beside = host === 'localhost' ? connections.serve(handler) : null;
    beside?.on('error', () => undefined).listen({ host: '::1', port: Number(new URL(url).port) });
    return {
      url,
      answerOn: async (path) => {
        const { server: beside } = await makeServer(options, 'socket');
        return listenOnSocket(beside, path);
      },
      async [Symbol.asyncDispose]() {
        beside?.close();
        beside?.closeAllConnections();
        await server.close();
      },
    };
  } catch (cause) {
    await server.close();
    throw listenError(options.listen, cause);
  }
}

/** All that answers, with connections of its own; it does not listen yet. */
async function makeServer(options: StatusServerOptions, door: Door) {
  const { fastify } = await import('fastify');
  const connections = new Connections(options.limits ?? CONNECTION_LIMITS);
  let handler: RequestListener = () => undefined;
  const server = fastify({
    forceCloseConnections: true,
    logger: false,
    serverFactory: (ours) => {
      handler = ours;
      return connections.serve(ours);
    },
  });
  addDoors(server, connections, options.hosts.concat(options.listen.host));
  addRoutes(server, options);
  options.addMore?.(server, door);
  return { server, connections, handler };
}

/** What is refused before anybody looks at what was asked. */
function addDoors(server: FastifyInstance, connections: Connections, names: readonly string[]): void {
  const isAllowed = allowedHosts(names);
  const refuse = (reply: FastifyReply, code: number, why: string) =>
    reply.code(code).header('connection', 'close').type('text/plain; charset=utf-8').send(`${why}\n`);
  server.addHook('onRequest', async ({ headers, url }, reply) => {
    if (!isAllowed(headers.host)) {
      return refuse(
        reply,
        421,
        'nobody answers here for this Host: status.hosts of the settings names those',
      );
    }
    const tooMany = connections.tooMany(url);
    if (tooMany !== null) {
      return refuse(reply.header('retry-after', 5), 503, tooMany);
    }
  });
}

function addRoutes(
  server: FastifyInstance,
  { status, metrics, heartbeat, overdue, now }: StatusServerOptions,
): void {
  server.addHook('onSend', async (_, reply) => {
    reply.header('cache-control', 'no-store').header('x-content-type-options', 'nosniff');
  });
  server.get('/healthz', async (request, reply) => {
    const age = now() - heartbeat();
    const late = overdue();
    const missing = [
      ...(age > MOST_TURN_AGE ? [`the loop last turned ${Math.round(age / 1000)} s ago`] : []),
      ...(late ? [`it is at work on ${late.step} for ${Math.round(late.ms / 1000)} s`] : []),
    ];
    return answer(request, reply, { yes: 'healthy', no: 'unhealthy', missing });
  });
  server.get('/readyz', async (request, reply) => {
    const { missing, paused, rollback, sources } = status();
    const notes = [
      ...(paused ? [`PAUSED until ${new Date(paused.until).toISOString()} by ${paused.by}`] : []),
      ...(rollback ? [`ROLLED BACK to ${rollback.number} by ${rollback.by}`] : []),
      ...sources.filter(({ state }) => state === 'stale').map(describeStale),
    ];
    return answer(request, reply, { yes: 'ready', no: 'not ready', missing, notes });
  });
  server.get('/api/status', async () => statusJson(status(), now(), heartbeat()));
  server.get('/metrics', async (_, reply) => {
    const { text, contentType } = await metrics.read();
    return reply.type(contentType).send(text);
  });
}

interface Answer {
  readonly yes: string;
  readonly no: string;
  readonly missing: readonly string[];
  /** To be said in either case. */
  readonly notes?: readonly string[];
}

function describeStale({ name, error, refused }: SourceStatus): string {
  const what = refused.length === 0 ? 'its keys are' : `the keys of ${refused.join(', ')} are`;
  return `${name} is stale, ${what} those of before${error === null ? '' : `: ${error}`}`;
}

/** 200 or 503; JSON for who asks for it, else text. */
function answer(
  request: FastifyRequest,
  reply: FastifyReply,
  { yes, no, missing, notes = [] }: Answer,
): FastifyReply {
  const ok = missing.length === 0;
  reply.code(ok ? 200 : 503);
  if (request.headers.accept?.includes('application/json')) {
    return reply.send({
      status: ok ? yes : no,
      missing,
      ...(notes.length > 0 ? { note: notes.join('\n') } : {}),
    });
  }
  const lines = [ok ? yes : no, ...missing, ...notes];
  return reply.type('text/plain; charset=utf-8').send(`${lines.join('\n')}\n`);
}
