import type { FastifyInstance } from 'fastify';
import { asError, type ErrorCode, PointsmanError, SystemError, UsageError } from '../errors.ts';
import { listenOnSocket } from './listen-on-socket.ts';

/** What a command of this host may ask the daemon: `GET` changes nothing. */
export interface ControlQuestion {
  readonly method: 'GET' | 'POST';
  /** `/status`; the command gives what else there is to say in the query, and with POST as JSON. */
  readonly path: string;
  /** An object, or the text of one. Throws a `PointsmanError` where it cannot be done: the command fails with it. */
  readonly answer: (asked: ControlAsked) => object | string | Promise<object | string>;
}

/** What was asked. */
export interface ControlAsked {
  readonly query: Readonly<Record<string, unknown>>;
  /** What stands in the place of each `:name` of its path. */
  readonly params: Readonly<Record<string, unknown>>;
  /** Empty with GET. */
  readonly body: Readonly<Record<string, unknown>>;
  /** Who asks, for people: `uid 0 (root)`. */
  readonly by: string;
}

/** What stands in the place of an answer. */
export interface ControlRefusal {
  readonly error: {
    readonly code: ErrorCode | 'bug' | 'unknown';
    readonly message: string;
    readonly hint?: string;
  };
}

/**
 * Answers the commands of this host on a Unix socket that only our user may open. Whoever calls this holds the lock of the
 * state folder: what lies there is a dead daemon's. Throws a `SystemError`.
 */
export async function startControlSocket(
  path: string,
  questions: readonly ControlQuestion[],
): Promise<AsyncDisposable> {
  const { fastify } = await import('fastify');
  const server = fastify({ logger: false, forceCloseConnections: true });
  addQuestions(server, questions);
  return listenOnSocket(server, path);
}

function addQuestions(server: FastifyInstance, questions: readonly ControlQuestion[]): void {
  for (const { method, path, answer } of questions) {
    server.route({
      method,
      url: path,
      handler: async ({ query, params, body }, reply) => {
        const asked = { query: recordOf(query), params: recordOf(params), body: recordOf(body) };
        const { by, answerBy } = asked.body;
        // Who asked has gone by now, and did it by files: what was meant then may be wrong.
        if (typeof answerBy === 'number' && Date.now() > answerBy) {
          throw new SystemError('answering a command: it came too late, and is not done');
        }
        if (method === 'POST' && typeof by !== 'string') {
          throw new UsageError(`answering ${path}: it is not said who asks`);
        }
        reply.type('application/json; charset=utf-8');
        return answer({ ...asked, by: typeof by === 'string' ? by : '' });
      },
    });
  }
  server.setErrorHandler((error, _, reply) =>
    reply.code(error instanceof UsageError ? 400 : 500).send(refusalOf(error)),
  );
  server.setNotFoundHandler(({ method, url }, reply) =>
    reply.code(404).send({
      error: {
        code: 'unknown',
        message: `nobody answers ${method} ${url}: the daemon is of another version`,
      },
    } satisfies ControlRefusal),
  );
}

function refusalOf(thrown: unknown): ControlRefusal {
  const error = asError(thrown);
  if (!(error instanceof PointsmanError)) {
    return { error: { code: 'bug', message: `${error.name}: ${error.message}` } };
  }
  const { code, message, hint } = error;
  return { error: { code, message, ...(hint === undefined ? {} : { hint }) } };
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
