import { type ChildProcess, spawn } from 'node:child_process';
import { lookup } from 'node:dns/promises';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { noop } from 'cockatiel';
import { Etcd3 } from 'etcd3';
import { freePort } from './free-port.ts';

export interface EtcdOptions {
  /** Another etcd than the one on PATH: see `etcd-versions.ts`. */
  readonly binary?: string;
  /** Kept after the end when given; otherwise a temporary one that goes with the server. */
  readonly dataDir?: string;
  /** Client port; a free one by default. It stays the same over `restart()`. */
  readonly port?: number;
  /** Serves TLS and asks for client certificates (paths; see `certificates.ts`). */
  readonly tls?: EtcdTls;
  /** Turns authentication on: `root` and one user who may read and write `prefixes`. */
  readonly auth?: EtcdAuth;
  /** Further flags of etcd. */
  readonly args?: readonly string[];
  /** Its place in a cluster; alone by default. See `etcd-cluster.ts`. */
  readonly member?: EtcdMember;
}

export interface EtcdMember {
  readonly name: string;
  readonly peerUrl: string;
  /** `--initial-cluster`: name=peerUrl of each. */
  readonly cluster: string;
}

export interface EtcdTls {
  readonly ca: string;
  readonly serverCert: string;
  readonly serverKey: string;
  readonly clientCert: string;
  readonly clientKey: string;
}

export interface EtcdAuth {
  readonly rootPassword: string;
  readonly username: string;
  readonly password: string;
  /** Each is granted with everything that starts with it. */
  readonly prefixes: readonly string[];
}

/** A real etcd on 127.0.0.1. */
export interface TestEtcd extends AsyncDisposable {
  readonly port: number;
  /** `http://127.0.0.1:PORT`, or https with `tls`. */
  readonly endpoint: string;
  readonly dataDir: string;
  readonly pid: number;
  /** A client of this server (as root where there is authentication); closed with it. */
  readonly client: Etcd3;
  put(key: string, value: string): Promise<void>;
  delete(key: string): Promise<void>;
  deletePrefix(prefix: string): Promise<void>;
  /** Sends a signal (SIGKILL, SIGSTOP, SIGCONT, SIGTERM); waits for the end where the signal ends it. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Starts again on the same port and data after `kill()`. */
  restart(): Promise<void>;
}

/** Starts etcd and waits until it serves: `await using etcd = await startEtcd()`. */
export async function startEtcd(options: EtcdOptions = {}): Promise<TestEtcd> {
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'pointsman-etcd-')));
  let port = options.port ?? (await freePort());
  let child: ChildProcess;
  for (let tries = 1; ; tries++) {
    try {
      child = await launch(dataDir, port, options);
      break;
    } catch (error) {
      const taken = String(error).includes('address already in use');
      if (!taken || options.port !== undefined || tries === 5) {
        throw error;
      }
      port = await freePort();
    }
  }
  const endpoint = `${options.tls ? 'https' : 'http'}://127.0.0.1:${port}`;
  let client = options.auth
    ? await enableAuth(openClient(endpoint, options.tls), options.auth, () =>
        openClient(endpoint, options.tls, options.auth),
      )
    : openClient(endpoint, options.tls);
  const onExit = () => child.kill('SIGKILL');
  process.once('exit', onExit);

  return {
    port,
    endpoint,
    dataDir,
    get pid() {
      return child.pid ?? 0;
    },
    get client() {
      return client;
    },
    async put(key, value) {
      await client.put(key).value(value);
    },
    async delete(key) {
      await client.delete().key(key);
    },
    async deletePrefix(prefix) {
      await client.delete().prefix(prefix);
    },
    async kill(signal = 'SIGKILL') {
      child.kill(signal);
      if (signal !== 'SIGSTOP' && signal !== 'SIGCONT') {
        await ended(child);
      }
    },
    async restart() {
      child = await launch(dataDir, port, options);
      client.close();
      client = openClient(endpoint, options.tls, options.auth);
    },
    async [Symbol.asyncDispose]() {
      process.off('exit', onExit);
      client.close();
      child.kill('SIGKILL');
      await ended(child);
      if (options.dataDir === undefined) {
        await rm(dataDir, { recursive: true, force: true });
      }
    },
  };
}

async function launch(dataDir: string, port: number, options: EtcdOptions): Promise<ChildProcess> {
  const scheme = options.tls ? 'https' : 'http';
  const peer = options.member?.peerUrl ?? `http://127.0.0.1:${await freePort()}`;
  const { name, cluster } = options.member ?? { name: 'one', cluster: `one=${peer}` };
  const url = `${scheme}://127.0.0.1:${port}`;
  const tls = options.tls
    ? [
        `--cert-file=${options.tls.serverCert}`,
        `--key-file=${options.tls.serverKey}`,
        `--trusted-ca-file=${options.tls.ca}`,
        '--client-cert-auth',
      ]
    : [];
  // The peer URL is part of the member's identity only at the first start, so it may change later.
  const args = [
    `--name=${name}`,
    `--data-dir=${dataDir}`,
    `--listen-client-urls=${[url, ...(await otherLoopback(url))].join(',')}`,
    `--advertise-client-urls=${url}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=${cluster}`,
    '--logger=zap',
    ...tls,
    ...(options.args ?? []),
  ];
  const child = spawn(options.binary ?? 'etcd', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  await serving(child);
  return child;
}

/** Resolves when etcd logs that it serves; rejects with its last words when it ends or takes 30 s. */
function serving(child: ChildProcess): Promise<void> {
  let log = '';
  return new Promise((resolve, reject) => {
    const fail = (what: string) => {
      clearTimeout(timer);
      child.kill('SIGKILL');
      reject(new Error(`etcd ${what}:\n${log.slice(-4_000)}`));
    };
    const timer = setTimeout(() => fail('did not serve within 30 s'), 30_000);
    child.once('error', (error) => fail(`could not be started (${error.message})`));
    child.once('exit', (code, signal) => fail(`ended with ${code ?? signal}`));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      log = (log + text).slice(-16_000);
      if (!/ready to serve client requests|serving client traffic/.test(log)) {
        return;
      }
      clearTimeout(timer);
      resolve();
    });
  });
}

/** Where `localhost` is not 127.0.0.1 but ::1 alone, our clients with TLS come in there. */
async function otherLoopback(url: string): Promise<readonly string[]> {
  const addresses = url.startsWith('https:') ? await lookup('localhost', { all: true }).catch(() => []) : [];
  const isOther = addresses.length > 0 && addresses.every(({ address }) => address === '::1');
  return isOther ? [url.replace('127.0.0.1', '[::1]')] : [];
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) {
    return;
  }
  await new Promise((resolve) => child.once('exit', resolve));
}

function openClient(endpoint: string, tls?: EtcdTls, auth?: EtcdAuth): Etcd3 {
  return new Etcd3({
    // Node warns of an address as the name of a TLS server, and later refuses it.
    hosts: tls ? endpoint.replace('127.0.0.1', 'localhost') : endpoint,
    ...(tls
      ? {
          credentials: {
            rootCertificate: readFileSync(tls.ca),
            certChain: readFileSync(tls.clientCert),
            privateKey: readFileSync(tls.clientKey),
          },
        }
      : {}),
    ...(auth ? { auth: { username: 'root', password: auth.rootPassword } } : {}),
    faultHandling: { host: () => noop, global: noop },
    grpcOptions: { 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 },
    defaultCallOptions: (context) => (context.isStream ? {} : { deadline: Date.now() + 20_000 }),
  });
}

async function enableAuth(open: Etcd3, auth: EtcdAuth, asRoot: () => Etcd3): Promise<Etcd3> {
  await open.user('root').create(auth.rootPassword);
  await open
    .role('root')
    .create()
    .catch(() => undefined);
  await open.user('root').addRole('root');
  await open.user(auth.username).create(auth.password);
  await open.role('tester').create();
  for (const prefix of auth.prefixes) {
    await open.role('tester').grant({ permission: 'Readwrite', range: open.range({ prefix }) });
  }
  await open.user(auth.username).addRole('tester');
  await open.auth.authEnable();
  open.close();
  return asRoot();
}
