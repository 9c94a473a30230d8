import { createServer, type Server } from 'node:http';
import type { TestEtcd } from '../support/etcd.ts';

const FIRST_PORT = 10_000;

/** Servers that listen. */
export interface Fleet extends AsyncDisposable {
  readonly addresses: readonly string[];
}

/** Every instance really listens, so that HAProxy's checks find it. Ports that somebody has are passed over. */
export async function startFleet(count: number): Promise<Fleet> {
  const servers: Server[] = [];
  const addresses: string[] = [];
  for (let port = FIRST_PORT; addresses.length < count; port++) {
    const server = createServer((_, response) => response.end('fleet'));
    const listens = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!listens) {
      continue;
    }
    servers.push(server);
    addresses.push(`127.0.0.1:${port}`);
  }
  return {
    addresses,
    async [Symbol.asyncDispose]() {
      for (const server of servers) {
        server.close();
        server.closeAllConnections();
      }
    },
  };
}

/** Registers the fleet in etcd, in so many services. */
export async function fillEtcd(
  etcd: TestEtcd,
  addresses: readonly string[],
  services: number,
): Promise<void> {
  const instances = addresses.length / services;
  for (let s = 0; s < services; s++) {
    const own = addresses.slice(s * instances, (s + 1) * instances);
    const name = `service-${String(s).padStart(3, '0')}`;
    const key = (i: number) => `/services/${name}/instance-${String(i).padStart(2, '0')}`;
    await Promise.all(own.map((address, i) => etcd.put(key(i), address)));
  }
}
