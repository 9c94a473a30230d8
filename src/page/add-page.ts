import { hostname } from 'node:os';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type Bus, failureOf } from '../events.ts';
import type { LedgerEntry, LedgerReader } from '../ledger/ledger-entry.ts';
import { visibleLines } from '../model/visible.ts';
import type { Door } from '../status/server.ts';
import type { ServicesNow } from '../status/services-view.ts';
import type { Status } from '../status/status.ts';
import { readText } from '../system/read-text.ts';
import { Access, type Verdict } from './access.ts';
import { Feed, type FeedLimits } from './feed.ts';
import { PageServices } from './page-service.ts';
import { readPage } from './page-text.ts';
import { type LiveChange, pageViewOf } from './page-view.ts';

export interface PageOptions {
  readonly bus: Bus;
  readonly status: () => Status;
  /** Every service, and how HAProxy has it. */
  readonly services: Pick<ServicesNow, 'plain'>;
  /** What was written down of passes; without one there is no history. */
  readonly ledger?: PageLedger | undefined;
  /** `status.tokenFile` of the settings. */
  readonly tokenFile?: string | undefined;
  /** The Unix socket by which the same is answered, and who comes by it sees everything; null where there is none. @default null */
  readonly socket?: string | null;
  /** The name of this machine. @default what the system says */
  readonly host?: string;
  /** When the loop last turned, in milliseconds since 1970. */
  readonly heartbeat: () => number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly limits?: FeedLimits;
}

/** What was written down of passes. */
export interface PageLedger extends LedgerReader {
  /** The number of the entry that was written last; null where none was since the start. */
  readonly newest: () => number | null;
}

/** So many changes are in the sparkline. */
const MOST_LIVES = 60;

/** The page and what it asks for. Disposing ends its streams. */
export interface Page extends Disposable {
  /** Adds `/`, `/login`, `/config`, `/api/events`, `/api/services` and `/api/history` to a server. */
  readonly addTo: (server: FastifyInstance, door: Door) => void;
}

/** Reads the page, and begins to note how long changes take. Everything else is done while somebody looks at it. */
export async function openPage(options: PageOptions): Promise<Page> {
  const { bus, status, now, heartbeat, host = hostname() } = options;
  const { html, policy } = await readPage();
  const access = new Access({ tokenFile: options.tokenFile, now });
  const lives: LiveChange[] = [];
  const services = new PageServices();
  const stop = bus.subscribe((event) => {
    if (event.kind === 'pass' && event.liveMs !== null) {
      const how = event.steps.reload === undefined ? 'runtime' : 'reload';
      lives.push({ at: Math.round(now()), ms: event.liveMs, how });
      lives.splice(0, lives.length - MOST_LIVES);
    }
  });
  const entries = newestEntries(options.ledger);
  const feed = new Feed({
    view: async () => {
      const all = services.of(await options.services.plain(), now());
      return pageViewOf({
        ...{ host, status: status(), services: all, lives, now: now(), turned: heartbeat() },
        entries: await entries(),
      });
    },
    subscribe: (listener) => bus.subscribe(listener),
    failed: (error) => bus.emit(failureOf('showing the page', error)),
    now,
    ...(options.limits ? { limits: options.limits } : {}),
  });
  return {
    addTo: (server, door) => {
      const judge: Judge = async ({ headers }) =>
        door === 'socket' ? { kind: 'in' } : access.judge(headers);
      server.get('/', async (_, reply) =>
        reply
          .type('text/html; charset=utf-8')
          .header('content-security-policy', policy)
          .header('referrer-policy', 'no-referrer')
          .send(html),
      );
      server.get<{ Querystring: { once?: string } }>(
        '/api/events',
        { exposeHeadRoute: false },
        async (request, reply) => {
          reply.hijack();
          reply.raw.writeHead(200, EVENT_HEADERS);
          const verdict = await judge(request).catch((): Verdict => ({ kind: 'out' }));
          const greeting = {
            now: Math.round(now()),
            token: access.isOpen,
            socket: options.socket ?? null,
            mayRead: verdict.kind === 'in',
          };
          await (request.query.once === '1'
            ? feed.tell(reply.raw, greeting)
            : feed.join(reply.raw, String(request.headers['last-event-id'] ?? ''), greeting));
        },
      );
      server.get<{ Querystring: { service?: string } }>('/api/services', async ({ query: { service } }) => {
        const all = await options.services.plain();
        return service === undefined
          ? all
          : { ...all, services: all.services.filter(({ name }) => name === service) };
      });
      addConfig(server, judge, () => status().target);
      addLogin(server, judge, access);
      if (options.ledger) {
        addHistory(server, judge, options.ledger);
      }
    },
    [Symbol.dispose]: () => {
      stop();
      feed[Symbol.dispose]();
    },
  };
}

/** So many entries are on the page before somebody asks for older ones. */
const SHOWN_ENTRIES = 20;

/** The newest entries, which are read again only where one was written since. */
function newestEntries(ledger: PageLedger | undefined): () => Promise<readonly LedgerEntry[]> {
  let known: readonly LedgerEntry[] = [];
  let newest: number | null | undefined;
  return async () => {
    const now = ledger?.newest() ?? null;
    if (ledger && now !== newest) {
      known = await ledger.history({ limit: SHOWN_ENTRIES });
      newest = now;
    }
    return known;
  };
}

const EVENT_HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  // A proxy in between may not wait for more.
  'x-accel-buffering': 'no',
};

/** What becomes of a request for what not everybody may see. Throws a `SystemError`. */
type Judge = (request: Pick<FastifyRequest, 'headers'>) => Promise<Verdict>;

function addConfig(server: FastifyInstance, judge: Judge, target: () => string): void {
  server.get('/config', async (request, reply) => {
    const verdict = await judge(request);
    if (verdict.kind !== 'in') {
      return refuse(reply, verdict);
    }
    const text = await readText(target());
    return text === null
      ? reply.code(404).type(PLAIN).send(`there is no ${target()} yet\n`)
      : reply.type(PLAIN).send(text);
  });
}

function addLogin(server: FastifyInstance, judge: Judge, access: Access): void {
  // By a header from the page itself, or once in the address, from a link or a bookmark.
  server.get<{ Querystring: { token?: string } }>('/login', async (request, reply) => {
    const { token } = request.query;
    const verdict = token === undefined ? await judge(request) : await access.judgeToken(String(token));
    if (verdict.kind !== 'in') {
      return refuse(reply, verdict);
    }
    const cookie = await access.cookie();
    reply.header('referrer-policy', 'no-referrer').header('set-cookie', cookie ?? '');
    return token === undefined ? reply.code(204).send() : reply.redirect('/');
  });
}

/** So many entries at most are in an answer. */
const MOST_ENTRIES = 200;

/** What happened is for everybody; what it changed in the text is not. */
function addHistory(server: FastifyInstance, judge: Judge, ledger: LedgerReader): void {
  const number = (text: unknown) =>
    typeof text === 'string' && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
  server.get<{ Querystring: Record<string, unknown> }>('/api/history', async (request, reply) => {
    const { query } = request;
    const diffs = query.diffs === '1';
    const verdict = diffs ? await judge(request) : null;
    if (verdict && verdict.kind !== 'in') {
      return refuse(reply, verdict);
    }
    const { service, since } = query;
    const from = number(query.from);
    const begun = typeof since === 'string' ? Date.parse(since) : Number.NaN;
    const entries = await ledger.history({
      ...(typeof service === 'string' ? { service } : {}),
      ...(Number.isNaN(begun) ? {} : { since: begun }),
      ...(from === undefined ? {} : { from }),
      limit: Math.min(MOST_ENTRIES, number(query.limit) ?? 20),
      diffs,
    });
    return shown(reply, { entries: entries.map((one) => (diffs ? one : withoutDiffs(one))) });
  });
  server.get<{ Params: { number: string } }>('/api/history/:number', async (request, reply) => {
    const entry = await ledger.entry(number(request.params.number) ?? 0);
    if (!entry) {
      return reply.code(404).type(PLAIN).send('there is no such entry (any more)\n');
    }
    const { kind } = await judge(request);
    return shown(reply, kind === 'in' ? entry : withoutDiffs(entry));
  });
}

/** JSON in which whatever is not seen as what it is, is escaped: it is looked at in browsers and terminals. */
function shown(reply: FastifyReply, answer: object): FastifyReply {
  const text = JSON.stringify(answer, (_, one: unknown) =>
    typeof one === 'string' ? visibleLines(one) : one,
  );
  return reply.type('application/json; charset=utf-8').send(text);
}

function withoutDiffs(entry: LedgerEntry): LedgerEntry {
  return { ...entry, files: entry.files.map((file) => ({ ...file, diff: null })) };
}

const PLAIN = 'text/plain; charset=utf-8';

/** Says why somebody may not see it. */
export function refuse(reply: FastifyReply, { kind }: Verdict): FastifyReply {
  const [code, why] = REFUSALS[kind === 'in' ? 'out' : kind];
  return reply.code(code).type(PLAIN).send(`${why}\n`);
}

const REFUSALS = {
  closed: [
    403,
    'texts and diffs are for who comes by the socket (status.socket), or shows a token: status.tokenFile of the settings names it',
  ],
  out: [401, 'texts and diffs are for who shows the token: Authorization: Bearer …, or /login?token=…'],
  later: [429, 'too many wrong tokens: wait for a minute'],
} as const;
