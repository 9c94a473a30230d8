import { createServer } from 'node:http';
import { freePort } from '../support/free-port.ts';
import { startBackend } from '../support/haproxy.ts';
import type { Daemon } from '../support/pointsman.ts';
import type { Rig } from './rig.ts';

/** An instance that lives: it answers with its id. */
export interface Member extends AsyncDisposable {
  readonly id: string;
  readonly key: string;
  readonly address: string;
}

/** Starts instances of a service; they are not registered. */
export async function startMembers(service: string, ids: readonly string[]): Promise<Member[]> {
  return Promise.all(
    ids.map(async (id) => {
      const backend = await startBackend(id);
      const end = () => backend[Symbol.asyncDispose]();
      return { id, key: `/services/${service}/${id}`, address: backend.address, [Symbol.asyncDispose]: end };
    }),
  );
}

/** Starts instances that share a port, each on a loopback address of its own: many at little cost. */
export async function startHosts(service: string, count: number): Promise<Member[]> {
  const port = await freePort();
  return Promise.all(
    Array.from({ length: count }, async (_, n) => {
      const host = `127.0.1.${n + 1}`;
      const server = createServer((_request, response) => response.end(`i${n}`));
      await new Promise<void>((resolve) => server.listen(port, host, resolve));
      const key = `/services/${service}/i${n}`;
      return {
        id: `i${n}`,
        key,
        address: `${host}:${port}`,
        async [Symbol.asyncDispose]() {
          const closed = new Promise<void>((resolve) => server.close(() => resolve()));
          server.closeAllConnections();
          await closed;
        },
      };
    }),
  );
}

/** `a0`, `a1`, … */
export function ids(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, n) => `${prefix}${n}`);
}

/** Registers members in one transaction. */
export async function register({ etcd }: Pick<Rig, 'etcd'>, members: readonly Member[]): Promise<void> {
  const puts = members.map(({ key, address }) => etcd.client.put(key).value(address));
  if (puts.length > 0) {
    await etcd.client
      .if('/none', 'Version', '==', 0)
      .then(...puts)
      .commit();
  }
}

/** What of the status the drills of guard and cache look at. */
export interface SeenStatus {
  readonly held: readonly { readonly key: string; readonly rule: string; readonly since: string }[];
  readonly hashes: { readonly raw: string | null; readonly believed: string | null };
  readonly counts: { readonly instances: number; readonly keys: number };
  readonly cache: { readonly ageSeconds: number } | null;
  readonly stale: boolean;
  readonly ready: boolean;
  readonly missing: readonly string[];
  readonly pending: string | null;
}

/** The status of a daemon, as far as these drills look at it. */
export async function seen(daemon: Daemon): Promise<SeenStatus> {
  return (await daemon.status()) as unknown as SeenStatus;
}

/** The keys that are held now. */
export async function heldKeys(daemon: Daemon): Promise<string[]> {
  return (await seen(daemon)).held.map(({ key }) => key);
}
