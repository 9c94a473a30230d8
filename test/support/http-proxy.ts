import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** An HTTP proxy of 127.0.0.1 that knows CONNECT alone. */
export interface HttpProxy extends AsyncDisposable {
  readonly url: string;
  /** Connections to it that are open now, and all that ever were. */
  readonly open: number;
  readonly all: number;
}

/** How a proxy answers to CONNECT: it refuses and keeps the connection, says nothing, closes, or does what is asked. */
export type ProxyManner = 'refuses' | 'is silent' | 'closes' | 'connects';

/** Starts it. */
export async function startHttpProxy(manner: ProxyManner): Promise<HttpProxy> {
  const sockets = new Set<Socket>();
  let all = 0;
  const server = createServer((client) => {
    all++;
    sockets.add(client);
    client.on('close', () => sockets.delete(client));
    client.on('error', () => undefined);
    client.once('data', (head) => {
      if (manner === 'refuses') {
        client.write('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n');
      }
      if (manner === 'closes') {
        client.destroy();
      }
      if (manner === 'connects') {
        join(client, String(head));
      }
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    get open() {
      return sockets.size;
    },
    get all() {
      return all;
    },
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of sockets) {
        socket.destroy();
      }
    },
  };
}

function join(client: Socket, head: string): void {
  const [, host = '', port = ''] = /^CONNECT ([^:]+):(\d+)/.exec(head) ?? [];
  const server = connect(Number(port), host, () => {
    client.write('HTTP/1.1 200 OK\r\n\r\n');
    server.pipe(client).pipe(server);
  });
  server.on('error', () => client.destroy());
  client.on('close', () => server.destroy());
}
