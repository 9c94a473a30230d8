import type { Cluster } from './cluster.ts';
import { hostOf, running } from './definitions.ts';

/** What to ask and what to try, with the names of this cluster. */
export async function guideTo(cluster: Cluster): Promise<string> {
  const { balancer, hosts, store, definitionsFile, lab } = cluster;
  const [first, second] = hosts;
  const some = (await running(hosts)).find(({ host }) => host === first);
  const curl = `curl --cacert ${balancer.authority} --resolve '*:443:${balancer.address}'`;
  return `
A load balancer with TLS, ${hosts.length} hosts, ${store.members.length} members of etcd, a datastore. Ask it:

  ${curl} https://${hostOf('shop')}/
  ${curl} https://${hostOf('orders')}/datastore

What the hosts say:

${hosts.map(({ name, status }) => `  ${name.padEnd(8)} ${status}/`).join('\n')}
  npm run --silent pointsman -- services --config ${first?.settingsFile}

What you may try while this runs in a terminal (and everything ends when this ends):

  deploy another version   sed -i 's/shop:git-[0-9a-f]*/shop:git-5d6e7f8/' ${definitionsFile}
  see the containers       docker -H unix://${first?.dockerSocket} ps
  stop one in order        docker -H unix://${first?.dockerSocket} stop ${some?.container}
  crash one                docker -H unix://${first?.dockerSocket} kill ${some?.container}
  a shell on a host        nsenter --target ${first?.machine.first} --all
  cut a host off           ip link set ${second?.machine.port} down     (and up)
  kill a host              ip link set ${second?.machine.port} down; kill -9 ${second?.machine.first}
  kill a member of etcd    kill -9 ${store.members[0]?.pid}

Files: ${lab.folder}. It stays until Ctrl-C.
`;
}
