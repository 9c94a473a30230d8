import { writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import path from 'node:path';
import { renderTree } from '../golden/render-case.ts';
import { cli, freePort, startHaproxy, type TestProcess, tempFolder, waitFor } from '../support/haproxy.ts';
import type { HaproxyBinary } from '../support/haproxy-versions.ts';

/** A HAProxy that runs what the packaged template made of a tree. */
export interface Packaged extends AsyncDisposable {
  readonly process: TestProcess;
  /** Of the shared frontend. */
  readonly port: number;
  readonly url: string;
  /** One command for the stats socket. */
  ask(command: string): Promise<string>;
}

/** Renders `tree` with the packaged template and starts HAProxy on it, with quick checks. */
export async function startPackaged(
  haproxy: HaproxyBinary,
  tree: object,
  vars: Readonly<Record<string, unknown>> = {},
  duplicateAddresses: 'newest' | 'allow' = 'newest',
): Promise<Packaged> {
  const folder = await tempFolder();
  const port = await freePort();
  const statsSocket = path.join(folder.path, 'stats.sock');
  const settings = {
    duplicateAddresses,
    haproxy: { statsSocket },
    vars: { bind: `127.0.0.1:${port}`, bindAddress: '127.0.0.1', nbthread: 1, ...vars },
  };
  const { text } = await renderTree(JSON.stringify(tree), JSON.stringify(settings));
  const configPath = path.join(folder.path, 'haproxy.cfg');
  await writeFile(configPath, text);
  const process = await startHaproxy({ binary: haproxy.path, configPath });
  return {
    process,
    port,
    url: `http://127.0.0.1:${port}`,
    ask: (command) => cli(statsSocket, command),
    async [Symbol.asyncDispose]() {
      await process[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** A field of `show stat` of a server, or of a whole backend (`BACKEND`). */
export async function statOf(
  haproxy: Packaged,
  backend: string,
  server: string,
  field: string,
): Promise<string> {
  const rows = (await haproxy.ask('show stat')).split('\n').map((row) => row.split(','));
  return rows.find((row) => row[0] === backend && row[1] === server)?.[rows[0]?.indexOf(field) ?? -1] ?? '';
}

/** What HAProxy says of a server: `UP`, `DOWN`, `UP 1/3` … */
export function statusOf(haproxy: Packaged, backend: string, server: string): Promise<string> {
  return statOf(haproxy, backend, server, 'status');
}

/** A TCP server that does `serve` with every connection. */
export async function startTcp(
  serve: (socket: Socket) => void,
): Promise<{ readonly address: string } & AsyncDisposable> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket.on('error', () => socket.destroy()));
    serve(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) {
        socket.destroy();
      }
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A connection on which a test writes by hand. */
export interface Wire extends AsyncDisposable {
  send(text: string): void;
  /** All that came so far. */
  received(): string;
  readonly closed: Promise<void>;
}

/** Opens a connection to a port of 127.0.0.1. */
export async function openWire(port: number): Promise<Wire> {
  let received = '';
  const socket = connect({ port, host: '127.0.0.1' });
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.setEncoding('utf8').on('data', (text: string) => {
    received += text;
  });
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  socket.on('error', () => socket.destroy());
  return {
    send: (text) => socket.write(text),
    received: () => received,
    closed,
    async [Symbol.asyncDispose]() {
      socket.destroy();
      await closed;
    },
  };
}

/** Opens connections to `port` until the kernel drops the SYN of one, as the network does to a host that is gone. */
export async function fillBacklog(port: number): Promise<AsyncDisposable> {
  const sockets: Socket[] = [];
  await waitFor(
    async () => {
      const socket = connect({ port, host: '127.0.0.1' });
      sockets.push(socket.on('error', () => socket.destroy()));
      const connected = await new Promise<boolean>((resolve) => {
        socket.once('connect', () => resolve(true));
        setTimeout(() => resolve(false), 300);
      });
      return !connected;
    },
    { what: 'a full backlog', every: 0 },
  );
  return {
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) {
        socket.destroy();
      }
    },
  };
}
