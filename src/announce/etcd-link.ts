import type { Client, Metadata } from '@grpc/grpc-js';
import { SourceError } from '../errors.ts';
import { abortable } from '../sources/abortable.ts';
import type { EtcdSourceOptions } from '../sources/etcd-options.ts';
import { tlsOptions } from '../sources/etcd-tls.ts';
import { boundTunnels, isExcepted } from '../sources/http-proxy.ts';
import { readSecret } from '../sources/read-secret.ts';
import {
  type Condition,
  deleteRequest,
  grantRequest,
  type LeaseAnswer,
  leaseAnswer,
  leasedKeys,
  leaseRequest,
  loginRequest,
  probeRequest,
  putRequest,
  readRequest,
  revisionIn,
  type StoredKey,
  type TxnAnswer,
  tokenIn,
  txnAnswer,
} from './etcd-messages.ts';
import { type EtcdStream, KeyWatch, type WatchListener } from './key-watch.ts';

/** Where an etcd is, and who we are to it. */
export type EtcdAccess = Pick<
  EtcdSourceOptions,
  'endpoints' | 'srv' | 'refresh' | 'tls' | 'username' | 'passwordFile' | 'proxy' | 'noProxy'
>;

/** How long an answer may take. */
const ANSWER_LIMIT = 2_000;
/** How long a login may take: etcd spends a tenth of a second on each password, and a whole fleet may wait for it. */
const LOGIN_LIMIT = 5_000;
/** So many keys are read by one transaction: etcd takes 128 operations in one. */
const KEYS_AT_ONCE = 100;

/** What etcd says to a stranger, after it has asked its quorum. */
const ANSWERS = /user name is empty|permission denied|invalid auth token/;

let connections = 0;

/**
 * One connection to one member, for keys under a lease. Every call throws what grpc says; `explainEtcdError` makes it
 * readable. By gRPC alone and not by the package `etcd3`, which takes 18 MB more and twice the processor time to load: what
 * is registered for each container of a host is done by a process of its own.
 */
export interface EtcdLink extends Disposable {
  readonly endpoint: string;
  /** Waits for any answer that took a quorum. */
  probe(signal: AbortSignal): Promise<void>;
  /** Gets a fresh token where there is a user name. */
  authenticate(signal: AbortSignal): Promise<void>;
  /** Reads keys; what is not there is left out. */
  read(keys: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, StoredKey>>;
  /** Puts a key under a lease where the condition holds; says whether it did, and the store's revision after it. */
  put(
    key: Pick<StoredKey, 'key' | 'value' | 'lease'>,
    condition: Condition,
    signal: AbortSignal,
  ): Promise<Pick<TxnAnswer, 'done' | 'revision'>>;
  /** Deletes a key where the condition holds; says whether it did. */
  delete(key: string, condition: Condition, signal: AbortSignal): Promise<boolean>;
  /** A new lease for so many seconds; etcd may give more. */
  grant(seconds: number, signal: AbortSignal): Promise<LeaseAnswer>;
  /** Renews a lease; gives its seconds, or null where there is no such lease. */
  renew(lease: string, signal: AbortSignal): Promise<number | null>;
  /** Ends a lease, with all keys under it. */
  revoke(lease: string, signal: AbortSignal): Promise<void>;
  /** The keys under a lease. */
  keysOf(lease: string, signal: AbortSignal): Promise<readonly string[]>;
  /** Watches keys from now on. */
  watch(listener: WatchListener): KeyWatch;
}

/** Makes a connection to `endpoint` alone, without retries: rotation and patience are the caller's. */
export async function linkEtcd(endpoint: string, access: EtcdAccess): Promise<EtcdLink> {
  const { Client, credentials, Metadata } = await import('@grpc/grpc-js');
  const options = { ...access, prefixes: [], index: 0 };
  const { bearer: _, ...tls } = endpoint.startsWith('https:')
    ? await tlsOptions(endpoint, options)
    : { bearer: null };
  const throughProxy = access.proxy === 'environment' && !isExcepted(endpoint, access.noProxy ?? '');
  if (throughProxy) {
    await boundTunnels();
  }
  connections++;
  const client = new Client(endpoint.replace(/^https?:\/\//, ''), credentials.createInsecure(), {
    'grpc.keepalive_time_ms': 6_000,
    'grpc.keepalive_timeout_ms': 1_500,
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 1_000,
    'grpc.enable_channelz': 0,
    'grpc.enable_http_proxy': throughProxy ? 1 : 0,
    'grpc.service_config_disable_resolution': 1,
    // Channels with equal options share a socket: a stuck one of an earlier connection is not met again.
    'grpc.primary_user_agent': `pointsman-announce/${connections}`,
    ...tls,
  });
  return new GrpcLink({ endpoint, access, client, metadata: () => new Metadata() });
}

interface LinkParts {
  readonly endpoint: string;
  readonly access: EtcdAccess;
  readonly client: Client;
  /** Empty ones. */
  readonly metadata: () => Metadata;
}

class GrpcLink implements EtcdLink {
  readonly endpoint: string;
  readonly #parts: LinkParts;
  #token: string | undefined;

  constructor(parts: LinkParts) {
    this.endpoint = parts.endpoint;
    this.#parts = parts;
  }

  async probe(signal: AbortSignal): Promise<void> {
    try {
      revisionIn(await this.#call('KV/Range', probeRequest(), signal));
    } catch (error) {
      if (!ANSWERS.test(String(error))) {
        throw error;
      }
    }
  }

  async authenticate(signal: AbortSignal): Promise<void> {
    const { username, passwordFile } = this.#parts.access;
    if (username === undefined || passwordFile === undefined) {
      return;
    }
    const password = String(await readSecret('passwordFile', passwordFile)).replace(/\r?\n$/, '');
    this.#token = undefined;
    try {
      const request = loginRequest(username, password);
      this.#token = tokenIn(await this.#call('Auth/Authenticate', request, signal, LOGIN_LIMIT));
    } catch (error) {
      // As etcd's own client does: a user name is no mistake where nobody asks for it.
      if (!String(error).includes('authentication is not enabled')) {
        throw error;
      }
    }
  }

  async read(keys: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, StoredKey>> {
    const found = new Map<string, StoredKey>();
    for (let at = 0; at < keys.length; at += KEYS_AT_ONCE) {
      const request = readRequest(keys.slice(at, at + KEYS_AT_ONCE));
      for (const one of txnAnswer(await this.#call('KV/Txn', request, signal)).found) {
        found.set(one.key, one);
      }
    }
    return found;
  }

  async put(
    key: Pick<StoredKey, 'key' | 'value' | 'lease'>,
    condition: Condition,
    signal: AbortSignal,
  ): Promise<Pick<TxnAnswer, 'done' | 'revision'>> {
    return txnAnswer(await this.#call('KV/Txn', putRequest(key, condition), signal));
  }

  async delete(key: string, condition: Condition, signal: AbortSignal): Promise<boolean> {
    return txnAnswer(await this.#call('KV/Txn', deleteRequest(key, condition), signal)).done;
  }

  async grant(seconds: number, signal: AbortSignal): Promise<LeaseAnswer> {
    const answer = leaseAnswer(await this.#call('Lease/LeaseGrant', grantRequest(seconds), signal));
    if (answer.lease === '0' || answer.ttl <= 0) {
      throw new SourceError("its answer to a request for a lease is not etcd's: there is none in it");
    }
    return answer;
  }

  async renew(lease: string, signal: AbortSignal): Promise<number | null> {
    const stream = this.#stream('Lease/LeaseKeepAlive', ANSWER_LIMIT);
    try {
      const answered = new Promise<Buffer>((resolve, reject) => {
        stream.once('data', resolve);
        stream.on('error', reject);
        stream.once('end', () => reject(new Error('it closed the stream')));
      });
      stream.write(leaseRequest(lease));
      const { ttl } = leaseAnswer(await abortable(answered, signal));
      return ttl > 0 ? ttl : null;
    } finally {
      stream.cancel();
    }
  }

  async revoke(lease: string, signal: AbortSignal): Promise<void> {
    await this.#call('Lease/LeaseRevoke', leaseRequest(lease), signal);
  }

  async keysOf(lease: string, signal: AbortSignal): Promise<readonly string[]> {
    return leasedKeys(await this.#call('Lease/LeaseTimeToLive', leaseRequest(lease, 'with keys'), signal));
  }

  watch(listener: WatchListener): KeyWatch {
    return new KeyWatch(this.#stream('Watch/Watch'), listener);
  }

  /** Opens a stream of one of etcd's methods, for `limit` milliseconds at most. */
  #stream(method: string, limit?: number): EtcdStream {
    const options = limit === undefined ? {} : { deadline: Date.now() + limit };
    const { client } = this.#parts;
    return client.makeBidiStreamRequest(path(method), asIs, asIs, this.#metadata(), options);
  }

  [Symbol.dispose](): void {
    this.#parts.client.close();
  }

  #call(method: string, request: Buffer, signal: AbortSignal, limit = ANSWER_LIMIT): Promise<Buffer> {
    const answer = new Promise<Buffer>((resolve, reject) => {
      const options = { deadline: Date.now() + limit };
      const { client } = this.#parts;
      client.makeUnaryRequest(
        path(method),
        asIs,
        asIs,
        request,
        this.#metadata(),
        options,
        (error, response) => {
          if (response === undefined) {
            reject(error ?? new Error('it gave no answer'));
          } else {
            resolve(response);
          }
        },
      );
    });
    return abortable(answer, signal);
  }

  #metadata(): Metadata {
    const metadata = this.#parts.metadata();
    if (this.#token !== undefined) {
      metadata.set('token', this.#token);
    }
    return metadata;
  }
}

function path(method: string): string {
  return `/etcdserverpb.${method}`;
}

function asIs(bytes: Buffer): Buffer {
  return bytes;
}
