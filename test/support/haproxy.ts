import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { Agent, createServer, request as httpRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './free-port.ts';

export { freePort };

/** A folder under the system's temp folder, removed at the end. Its path is short: unix sockets fit. */
export async function tempFolder(): Promise<{ readonly path: string } & AsyncDisposable> {
  const folder = await mkdtemp(path.join(tmpdir(), 'pm-'));
  return {
    path: folder,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

/** Waits until `condition` gives something other than false, null or undefined, and gives that. @default 10 s */
export async function waitFor<T>(
  condition: () => T | Promise<T>,
  options: { what?: string; timeout?: number; every?: number } = {},
): Promise<Exclude<T, false | null | undefined>> {
  const end = Date.now() + (options.timeout ?? 10_000);
  for (;;) {
    const value = await condition();
    if (value !== false && value !== null && value !== undefined) {
      return value as Exclude<T, false | null | undefined>;
    }
    if (Date.now() > end) {
      throw new Error(`waited in vain for ${options.what ?? String(condition)}`);
    }
    await sleep(options.every ?? 20);
  }
}

/** A process of a test, with everything it has said so far. */
export interface TestProcess extends AsyncDisposable {
  readonly pid: number;
  readonly child: ChildProcess;
  output(): string;
  /** Resolves with the exit code or the signal's name. */
  readonly ended: Promise<number | string>;
}

/** Starts a program, collects its stdout and stderr, and kills it (SIGTERM, after 10 s SIGKILL) at the end. */
export async function startProcess(
  command: string,
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv; uid?: number } = {},
): Promise<TestProcess> {
  const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const ended = new Promise<number | string>((resolve) => {
    child.once('exit', (code, signal) => resolve(code ?? signal ?? 'unknown'));
  });
  await new Promise<void>((resolve, reject) => child.once('spawn', resolve).once('error', reject));
  return {
    pid: child.pid ?? 0,
    child,
    output: () => said,
    ended,
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) {
        return;
      }
      child.kill('SIGTERM');
      const killer = setTimeout(() => child.kill('SIGKILL'), 10_000);
      await ended;
      clearTimeout(killer);
    },
  };
}

/**
 * Starts a HAProxy of the test's own (`-W -S`), as somebody else's process, and waits until its worker has loaded
 * (from 3.1 on the master answers before) and its pid file is written. Throws with HAProxy's words where it does not start.
 */
export async function startHaproxy(options: {
  /** @default 'haproxy' */
  binary?: string;
  configPath: string;
  /** @default the configuration's path + '.sock' */
  masterSocket?: string;
  pidFile?: string;
  /** @default the test's own user */
  uid?: number;
  /** What is given by `-f`. @default the configuration alone */
  files?: readonly string[];
}): Promise<TestProcess & { readonly masterSocket: string }> {
  const masterSocket = options.masterSocket ?? `${options.configPath}.sock`;
  const pidFile = options.pidFile === undefined ? [] : ['-p', options.pidFile];
  const files = (options.files ?? [options.configPath]).flatMap((file) => ['-f', file]);
  const args = ['-W', '-S', `${masterSocket},mode,600`, ...files, ...pidFile];
  const { binary = 'haproxy', uid } = options;
  const process = await startProcess(binary, args, uid === undefined ? {} : { uid });
  let dead = false;
  void process.ended.then(() => {
    dead = true;
  });
  await waitFor(
    async () => {
      if (dead) {
        throw new Error(`haproxy did not start:\n${process.output()}`);
      }
      if (options.pidFile !== undefined && !existsSync(options.pidFile)) {
        return false;
      }
      if (!process.output().includes('Loading success')) {
        return false;
      }
      const answer = await cli(masterSocket, 'show proc').catch(() => '');
      return / worker /.test(answer);
    },
    { what: 'a worker of haproxy that is loaded' },
  );
  return { ...process, masterSocket };
}

/** One command on a unix socket of HAProxy (stats or master), and the whole answer. */
export function cli(socketPath: string, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(socketPath);
    socket.setEncoding('utf8');
    socket.setTimeout(10_000, () => socket.destroy(new Error(`no answer from ${socketPath} in 10 s`)));
    socket.once('error', reject);
    socket.on('data', (text: string) => {
      answer += text;
    });
    socket.once('close', () => resolve(answer));
    socket.once('connect', () => socket.end(`${command}\n`));
  });
}

/** The master's pid, its reload counters, and its current workers' pids, read from `show proc` of a master socket. */
export async function showProc(
  masterSocket: string,
): Promise<{ master: number; reloads: number; failed: number; workers: number[] }> {
  const text = await cli(masterSocket, 'show proc');
  const master = /^(\d+)\s+master\s+(\d+)(?: \[failed: (\d+)\])?/m.exec(text);
  if (!master) {
    throw new Error(`no master in:\n${text}`);
  }
  const current = text.split(/^# old workers/m)[0] ?? '';
  const workers = [...current.matchAll(/^(\d+)\s+worker\s/gm)].map((found) => Number(found[1]));
  return { master: Number(master[1]), reloads: Number(master[2]), failed: Number(master[3] ?? 0), workers };
}

/** A tiny HTTP server that answers every request with its name. */
export interface Backend extends AsyncDisposable {
  readonly name: string;
  readonly port: number;
  /** `127.0.0.1:port`, as it stands in etcd. */
  readonly address: string;
  /** How many requests it has answered. */
  requests(): number;
}

/** Starts a backend on a free port (or on `port`). */
export async function startBackend(name: string, options: { port?: number } = {}): Promise<Backend> {
  let requests = 0;
  const server = createServer((_request, response) => {
    requests += 1;
    response.setHeader('content-type', 'text/plain');
    response.end(name);
  });
  const port = options.port ?? (await freePort());
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    name,
    port,
    address: `127.0.0.1:${port}`,
    requests: () => requests,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

/** One GET on a fresh connection. Rejects where the connection fails, or after `timeout`. @default 5 s */
export function request(
  url: string,
  options: { host?: string; headers?: Record<string, string>; timeout?: number } = {},
): Promise<{ status: number; body: string; headers: IncomingMessage['headers'] }> {
  const headers = { ...options.headers, ...(options.host === undefined ? {} : { host: options.host }) };
  return new Promise((resolve, reject) => {
    const sent = httpRequest(url, { headers, agent: new Agent({ keepAlive: false }) }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => {
        body += text;
      });
      response.once('error', reject);
      response.once('end', () =>
        resolve({ status: response.statusCode ?? 0, body, headers: response.headers }),
      );
    });
    const wait = options.timeout ?? 5000;
    sent.setTimeout(wait, () => sent.destroy(new Error(`no answer from ${url} in ${wait} ms`)));
    sent.once('error', reject);
    sent.end();
  });
}

/** What a load has seen so far. */
export interface Load extends AsyncDisposable {
  ok(): number;
  /** Each failed request: `503 …` or the connection's error. */
  failures(): readonly string[];
  /** When each of them was begun and when it had failed, in milliseconds since 1970. */
  failedAt(): readonly { readonly from: number; readonly to: number }[];
  /** Answers by body. */
  bodies(): ReadonlyMap<string, number>;
}

/** Sends request after request (each on a fresh connection) until it is disposed; only 200 is ok. */
export function startLoad(
  url: string,
  options: {
    host?: string /** @default 2 */;
    concurrency?: number /** ms between two, @default 5 */;
    pause?: number;
  } = {},
): Load {
  let ok = 0;
  let stopped = false;
  const failures: string[] = [];
  const failedAt: { from: number; to: number }[] = [];
  const bodies = new Map<string, number>();
  const loop = async () => {
    while (!stopped) {
      const from = Date.now();
      const failed = (how: string) => {
        failures.push(how);
        failedAt.push({ from, to: Date.now() });
      };
      try {
        const answer = await request(url, options.host === undefined ? {} : { host: options.host });
        if (answer.status === 200) {
          ok += 1;
          bodies.set(answer.body, (bodies.get(answer.body) ?? 0) + 1);
        } else {
          failed(`${answer.status} ${answer.body.slice(0, 80)}`);
        }
      } catch (error) {
        failed(error instanceof Error ? error.message : String(error));
      }
      await sleep(options.pause ?? 5);
    }
  };
  const running = Array.from({ length: options.concurrency ?? 2 }, loop);
  return {
    ok: () => ok,
    failures: () => failures,
    failedAt: () => failedAt,
    bodies: () => bodies,
    async [Symbol.asyncDispose]() {
      stopped = true;
      await Promise.all(running);
    },
  };
}

/** Whether a process with this pid lives (a zombie does not). */
export async function isAlive(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  return stat !== null && !/\) [ZX] /.test(stat);
}
