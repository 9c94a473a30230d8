import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { noop } from 'cockatiel';
import { Etcd3 } from 'etcd3';
import { request, waitFor } from '../support/haproxy.ts';
import type { Lab } from './lab.ts';
import { type Machine, openMachine, type Program } from './machine.ts';

/** A real etcd cluster, each member on a machine of its own. */
export interface Store extends AsyncDisposable {
  readonly members: readonly Member[];
  readonly endpoints: readonly string[];
  /** The member that leads; waits until there is one. */
  leader(): Promise<Member>;
  /** Kills all members with -9, deletes what they know, and starts them as a new cluster. */
  wipe(): Promise<void>;
  /** All keys below a prefix; null where the store does not answer. */
  keys(prefix: string): Promise<ReadonlyMap<string, string> | null>;
}

/** One etcd. */
export interface Member {
  readonly machine: Machine;
  readonly endpoint: string;
  readonly pid: number;
  /** Kills it with -9. */
  kill(): Promise<void>;
  /** Starts it again on its data, or without any where it was wiped. */
  start(): Promise<void>;
}

/** Starts a cluster of members on machines from the address `first` on. */
export async function openStore(lab: Lab, count: number, first = 11): Promise<Store> {
  await using stack = new AsyncDisposableStack();
  const machines = await Promise.all(
    Array.from({ length: count }, async (_, at) => openMachine(lab, `etcd-${at + 1}`, first + at)),
  );
  for (const machine of machines) {
    stack.use(machine);
  }
  const cluster = machines.map(({ name, address }) => `${name}=http://${address}:2380`).join(',');
  const members = machines.map((machine) => memberOn(machine, cluster));
  const endpoints = members.map(({ endpoint }) => endpoint);
  const start = async () => {
    await Promise.all(members.map((member) => member.start()));
    await waitFor(() => healthy(endpoints), { what: 'a healthy etcd', timeout: 60_000 });
  };
  await start();
  const faultHandling = { host: () => noop, global: noop };
  const clients = endpoints.map((hosts) => new Etcd3({ hosts, faultHandling }));
  stack.defer(() => {
    for (const client of clients) {
      client.close();
    }
  });
  const held = stack.move();
  return {
    members,
    endpoints,
    leader: () =>
      waitFor(
        async () => {
          const leads = await Promise.all(
            endpoints.map((one) => says(one, '/metrics', /^etcd_server_is_leader 1$/m)),
          );
          return members[leads.indexOf(true)];
        },
        { what: 'a leader of etcd', timeout: 30_000 },
      ),
    async wipe() {
      await Promise.all(members.map((member) => member.kill()));
      await Promise.all(machines.map((machine) => rm(dataOf(machine), { recursive: true, force: true })));
      await start();
    },
    async keys(prefix) {
      for (const client of clients) {
        const found = await client
          .getAll()
          .prefix(prefix)
          .options({ deadline: Date.now() + 2_000 })
          .strings()
          .catch(() => null);
        if (found) {
          return new Map(Object.entries(found));
        }
      }
      return null;
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

const dataOf = (machine: Machine): string => path.join(machine.folder, 'data');

function memberOn(machine: Machine, cluster: string): Member {
  const { name, address, folder } = machine;
  const [client, peer] = [`http://${address}:2379`, `http://${address}:2380`];
  let program: Program | null = null;
  return {
    machine,
    endpoint: client,
    get pid() {
      return program?.pid ?? 0;
    },
    async kill() {
      program?.signal('SIGKILL');
      await program?.ended;
    },
    async start() {
      await mkdir(folder, { recursive: true });
      program = await machine.start('etcd', [
        ...[`--name=${name}`, `--data-dir=${dataOf(machine)}`, `--initial-cluster=${cluster}`],
        ...[`--listen-client-urls=${client}`, `--advertise-client-urls=${client}`],
        ...[`--listen-peer-urls=${peer}`, `--initial-advertise-peer-urls=${peer}`, '--logger=zap'],
      ]);
    },
  };
}

async function healthy(endpoints: readonly string[]): Promise<boolean> {
  const all = await Promise.all(endpoints.map((one) => says(one, '/health', /"health":\s*"?true/)));
  return !all.includes(false);
}

async function says(endpoint: string, where: string, what: RegExp): Promise<boolean> {
  const answer = await request(`${endpoint}${where}`, { timeout: 1_000 }).catch(() => null);
  return what.test(answer?.body ?? '');
}
