import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { createServer } from '../system/http.ts';

/** Paths that are answered however much else is asked. */
const HEALTH = new Set(['/healthz', '/readyz']);
/** Paths whose answers go on for as long as somebody reads them; they end slow readers themselves. */
const STREAMS = new Set(['/api/events']);
/** But for who asks what is now alone. */
const ONCE = /[?&]once=1(?:&|$)/;

/** What bounds the connections of a server; times in milliseconds. */
export interface ConnectionLimits {
  /** At one time. A further one takes the place of the one that has been idle for the longest time. */
  readonly connections: number;
  /** Of these, so many are for `/healthz` and `/readyz` alone. */
  readonly kept: number;
  /** Of these, so many are for answers that go on (`/api/events`) alone, and there are never more of those. */
  readonly streams: number;
  /** Until the head of a request is here, from the connection or its first byte on. */
  readonly head: number;
  /** Until the whole request is here. */
  readonly request: number;
  /** Between two requests of one connection. */
  readonly idle: number;
  /** For an answer, until its reader has it. */
  readonly answer: number;
}

/** Longer than most scrape intervals, so that a connection serves more than one of them. */
const IDLE = 60_000;

/** The limits of the status server. */
export const CONNECTION_LIMITS: ConnectionLimits = {
  connections: 64,
  kept: 8,
  streams: 16,
  head: 5_000,
  request: 10_000,
  idle: IDLE,
  answer: 30_000,
};

/**
 * The connections of the status server, on whatever addresses it listens: so few that they take no file descriptor from
 * anything else, and never so many busy ones that nobody could ask whether we are healthy.
 */
export class Connections {
  readonly #limits: ConnectionLimits;
  /** What each one waits for, until when. What changed last stands last. */
  readonly #open = new Map<
    Socket,
    Map<ServerResponse, { readonly late: NodeJS.Timeout | undefined; readonly kind: Kind }>
  >();

  constructor(limits: ConnectionLimits) {
    this.#limits = limits;
  }

  /** A server with these limits, which does not listen yet. */
  serve(handler: RequestListener): Server {
    const { head, request, idle } = this.#limits;
    const server = createServer({
      headersTimeout: head,
      requestTimeout: request,
      keepAliveTimeout: idle,
      connectionsCheckingInterval: Math.min(1_000, head),
    });
    server.on('connection', (socket) => this.#enter(socket));
    // Before the handler, which may ask whether this one is one too many.
    server.on('request', (asked, answer) => this.#begin(asked, answer));
    server.on('request', handler);
    return server;
  }

  /**
   * Why a request must come again later, in words; null where it need not. Streams and other requests have places of their
   * own, so that neither is in the way of the other, and some are left for questions of health.
   */
  tooMany(url: string): string | null {
    const { connections, kept, streams } = this.#limits;
    const kind = kindOf(url);
    const busy = [...this.#open.values()].filter((answers) =>
      [...answers.values()].some((one) => one.kind === kind),
    ).length;
    switch (kind) {
      case 'health':
        return null;
      case 'stream':
        return busy > streams
          ? `${streams} follow the events already, and more are not served at one time; /api/events?once=1 says what is now`
          : null;
      default:
        return busy > connections - kept - streams ? 'too many requests at one time' : null;
    }
  }

  #enter(socket: Socket): void {
    if (this.#open.size >= this.#limits.connections) {
      this.#evict();
    }
    this.#open.set(socket, new Map());
    socket.once('close', () => {
      for (const { late } of this.#open.get(socket)?.values() ?? []) {
        clearTimeout(late);
      }
      this.#open.delete(socket);
    });
  }

  /** The one that has been idle for the longest time goes; where none is, the one that takes longest over its answer. */
  #evict(): void {
    const all = [...this.#open];
    const [socket] = all.find(([, answers]) => answers.size === 0) ?? all[0] ?? [];
    socket?.destroy();
  }

  #begin({ socket, url = '' }: IncomingMessage, answer: ServerResponse): void {
    const answers = this.#open.get(socket);
    if (!answers) {
      return;
    }
    const kind = kindOf(url);
    const late =
      kind === 'stream' ? undefined : setTimeout(() => socket.destroy(), this.#limits.answer).unref();
    answers.set(answer, { late, kind });
    this.#changed(socket);
    answer.once('close', () => {
      clearTimeout(late);
      answers.delete(answer);
      this.#changed(socket);
    });
  }

  #changed(socket: Socket): void {
    const answers = this.#open.get(socket);
    if (answers) {
      this.#open.delete(socket);
      this.#open.set(socket, answers);
    }
  }
}

/** What is asked, as far as it matters here. */
type Kind = 'health' | 'stream' | 'other';

function kindOf(url: string): Kind {
  const path = url.split('?', 1)[0] ?? '';
  const isStream = STREAMS.has(path) && !ONCE.test(url);
  return HEALTH.has(path) ? 'health' : isStream ? 'stream' : 'other';
}
