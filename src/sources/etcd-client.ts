import type { IDuplexStream, IOptions, IRangeRequest, IWatchRequest } from 'etcd3';
import { abortable } from './abortable.ts';
import {
  type RangeAnswer,
  rangeAnswer,
  rolesAnswer,
  type Standing,
  tokenAnswer,
  transactionAnswer,
} from './etcd-answers.ts';
import type { EtcdUser } from './etcd-denied.ts';
import type { EtcdSourceOptions } from './etcd-options.ts';
import { tlsOptions } from './etcd-tls.ts';
import { boundTunnels, isExcepted } from './http-proxy.ts';
import { readSecret } from './read-secret.ts';

type CallOptions = Exclude<NonNullable<IOptions['defaultCallOptions']>, (...args: never[]) => unknown>;
type Interceptor = NonNullable<CallOptions['interceptors']>[number];

/** The two-way stream of etcd's Watch service; what comes is not checked yet: see `watchAnswer`. */
export type WatchStream = IDuplexStream<IWatchRequest, unknown>;

/** How long the first answer of an endpoint may take. */
const ANSWER_LIMIT = 2_000;
/** How long a login may take: etcd spends a tenth of a second on each password, and a whole fleet may wait for it. */
const LOGIN_LIMIT = 5_000;

/** Above every answer that etcd gives by itself, and below what would hurt: a page that is larger is asked for in parts. */
const MESSAGE_LIMIT = 64 * 1024 * 1024;

/** What etcd says to a stranger, after it has asked its quorum. */
const ANSWERS = /user name is empty|permission denied|invalid auth token/;

let connections = 0;

/** One connection to one member. Every call throws what grpc says; `explainEtcdError` makes it readable. */
export interface EtcdConnection extends Disposable {
  readonly endpoint: string;
  /** Null where neither the settings nor a certificate name one. */
  readonly user: EtcdUser | null;
  /**
   * Waits for a sign of life: any answer that took a quorum, and be it that a token is missing. Costs etcd next to
   * nothing. Gives the store's revision, or null where all it said is that.
   *
   * @default limit 2,000 milliseconds
   */
  probe(signal: AbortSignal, limit?: number): Promise<bigint | null>;
  /** Gets a fresh token where there is a user name; to be called before a stream and before a full read. */
  authenticate(signal: AbortSignal): Promise<void>;
  /** The roles that etcd knows of this user; null where it does not say. */
  roles(signal: AbortSignal): Promise<readonly string[] | null>;
  /** A small question that tells whether the member answers. */
  ask(request: IRangeRequest, signal: AbortSignal): Promise<RangeAnswer>;
  /**
   * Throws where all between these bounds may not be read; else gives where the store stands, after a quorum. It is a
   * transaction that does nothing: a read of one key would have etcd count all that are there.
   */
  mayRead(bounds: Pick<IRangeRequest, 'key' | 'range_end'>, signal: AbortSignal): Promise<Standing>;
  /** A page of keys, which may take `limit` milliseconds. */
  page(request: IRangeRequest, limit: number, signal: AbortSignal): Promise<RangeAnswer>;
  stream(signal: AbortSignal): Promise<WatchStream>;
}

/**
 * Makes a connection to `endpoint` alone, without retries and circuit breakers: rotation and patience are the
 * caller's. The package is loaded with the first call (0.4–0.9 s).
 *
 * The token is asked for here instead of by the package: its own way opens a channel per try that nobody can
 * close, which adds up while etcd is away.
 */
export async function connectEtcd(endpoint: string, options: EtcdSourceOptions): Promise<EtcdConnection> {
  const [{ Etcd3 }, { noop }] = await Promise.all([import('etcd3'), import('cockatiel')]);
  const { bearer, ...tls } = endpoint.startsWith('https:')
    ? await tlsOptions(endpoint, options)
    : { bearer: null };
  connections++;
  const { proxy = 'none', noProxy = '' } = options;
  const throughProxy = proxy === 'environment' && !isExcepted(endpoint, noProxy);
  if (throughProxy) {
    await boundTunnels();
  }
  const client = new Etcd3({
    hosts: endpoint,
    faultHandling: { host: () => noop, global: noop },
    grpcOptions: {
      'grpc.keepalive_time_ms': 6_000,
      'grpc.keepalive_timeout_ms': 1_500,
      'grpc.max_receive_message_length': MESSAGE_LIMIT,
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 1_000,
      'grpc.enable_channelz': 0,
      'grpc.enable_http_proxy': throughProxy ? 1 : 0,
      'grpc.service_config_disable_resolution': 1,
      // Channels with equal options share a socket: the services of this client do, a stuck one of an earlier client is not met again.
      'grpc.primary_user_agent': `pointsman/${connections}`,
      ...tls,
    },
  });
  let token: string | undefined;
  const withToken: Interceptor = (callOptions, nextCall) => {
    const call = nextCall(callOptions);
    const start = call.start.bind(call);
    call.start = (metadata, listener) => {
      if (token !== undefined) {
        metadata.set('token', token);
      }
      start(metadata, listener);
    };
    // grpc-js declares the class here but asks for no more than its interface.
    return call as ReturnType<Interceptor>;
  };
  const within = (limit: number): CallOptions => ({
    deadline: Date.now() + limit,
    interceptors: [withToken],
  });

  const page = async (request: IRangeRequest, limit: number, signal: AbortSignal) =>
    rangeAnswer(await abortable(client.kv.range(request, within(limit)), signal));

  const user: EtcdUser | null =
    options.username === undefined ? bearer : { name: options.username, from: 'username' };
  return {
    endpoint,
    user,
    async probe(signal, limit = ANSWER_LIMIT) {
      try {
        const { revision } = await page({ key: Buffer.from('/'), count_only: true }, limit, signal);
        return revision;
      } catch (error) {
        if (!ANSWERS.test(String(error))) {
          throw error;
        }
        return null;
      }
    },
    async authenticate(signal) {
      if (options.username === undefined) {
        return;
      }
      const name = options.username;
      const password = await readPassword(options);
      token = undefined;
      try {
        const answer = await abortable(
          client.auth.authenticate({ name, password }, within(LOGIN_LIMIT)),
          signal,
        );
        token = tokenAnswer(answer);
      } catch (error) {
        // As etcd's own client does: a user name is no mistake where nobody asks for it.
        if (!String(error).includes('authentication is not enabled')) {
          throw error;
        }
      }
    },
    async roles(signal) {
      const name = user?.name;
      if (name === undefined) {
        return null;
      }
      try {
        return rolesAnswer(await abortable(client.auth.userGet({ name }, within(ANSWER_LIMIT)), signal));
      } catch {
        // Whoever asks has something to say already.
        return null;
      }
    },
    async mayRead(bounds, signal) {
      // No version is below 0, so the read is looked at for permission and not done.
      const never = { key: bounds.key as Buffer, target: 'Version', result: 'Less', version: 0 } as const;
      const request = { compare: [never], success: [{ request_range: { ...bounds, limit: 1 } }] };
      return transactionAnswer(await abortable(client.kv.txn(request, within(ANSWER_LIMIT)), signal));
    },
    ask: (request, signal) => page(request, ANSWER_LIMIT, signal),
    page,
    stream: (signal) => abortable(client.watchClient.watch({ interceptors: [withToken] }), signal),
    [Symbol.dispose]: () => client.close(),
  };
}

async function readPassword(options: EtcdSourceOptions): Promise<string> {
  if (options.passwordFile === undefined) {
    return options.password ?? '';
  }
  return String(await readSecret('passwordFile', options.passwordFile)).replace(/\r?\n$/, '');
}
