import { createServer, type Server } from 'node:net';

/**
 * Takes a name on this machine for as long as this process lives, however it ends, or until it is closed; null where another
 * process has it.
 */
export function holdName(name: string): Promise<Server | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(null));
    server.listen(`\0pointsman-${name}`, () => resolve(server));
    server.unref();
  });
}
