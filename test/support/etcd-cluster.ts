import { startEtcd, type TestEtcd } from './etcd.ts';
import { freePort, request, waitFor } from './haproxy.ts';

/** Some members of one etcd cluster, all of them real. */
export interface EtcdCluster extends AsyncDisposable {
  readonly members: readonly TestEtcd[];
  readonly endpoints: readonly string[];
  /** The member that holds a watch stream, and the only one that does. */
  watched(): Promise<TestEtcd>;
  /** The member that leads. */
  leader(): Promise<TestEtcd>;
}

/** Starts a cluster and waits until every member serves. @default 3 members of the etcd on PATH */
export async function startCluster(count = 3, binary = 'etcd'): Promise<EtcdCluster> {
  const places = await Promise.all(
    Array.from({ length: count }, async (_, place) => ({
      name: `m${place}`,
      port: await freePort(),
      peerUrl: `http://127.0.0.1:${await freePort()}`,
    })),
  );
  const cluster = places.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(',');
  const members = await Promise.all(
    places.map(({ name, peerUrl, port }) => startEtcd({ binary, port, member: { name, peerUrl, cluster } })),
  );
  return {
    members,
    endpoints: members.map(({ endpoint }) => endpoint),
    watched: () => whose(members, /^etcd_debugging_mvcc_watch_stream_total [1-9]/m),
    leader: () => whose(members, /^etcd_server_is_leader 1$/m),
    async [Symbol.asyncDispose]() {
      await Promise.all(members.map((member) => member[Symbol.asyncDispose]()));
    },
  };
}

/** The only member whose metrics say so. */
function whose(members: readonly TestEtcd[], metric: RegExp): Promise<TestEtcd> {
  return waitFor(
    async () => {
      const answers = await Promise.all(members.map(({ endpoint }) => request(`${endpoint}/metrics`)));
      const found = members.filter((_, place) => metric.test(answers[place]?.body ?? ''));
      return found.length === 1 ? found[0] : null;
    },
    { what: `one member with ${metric}` },
  );
}
