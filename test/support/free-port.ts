import { createServer } from 'node:net';

/**
 * A TCP port of 127.0.0.1 that nobody listens on and that no test process of this machine was given: each holds the
 * names of its ports (as abstract sockets) as long as it lives, since a port is often bound seconds later only. Below
 * the range that the kernel takes for outgoing connections, so that a busy machine does not take it in between.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 22_000);
    if ((await isMine(port)) && (await canListen(port))) {
      return port;
    }
  }
}

/** Takes the name of a port until this process ends. */
function isMine(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const name = createServer();
    name.once('error', () => resolve(false));
    name.listen(`\0pointsman-test-port-${port}`, () => resolve(true));
    name.unref();
  });
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}
