import type { Cluster } from './cluster.ts';
import type { Asked } from './traffic.ts';

/** Between these two moments of `performance.now()` something was killed. */
export interface Death {
  readonly from: number;
  readonly to: number;
  /** When it was back, and everybody knew. */
  until?: number;
}

/** What was killed by us. */
export interface Deaths {
  /** By the name of the host. */
  readonly hosts: ReadonlyMap<string, Death>;
  /** By the server of the instance, `host-1:shop-1-git-1a2b3c4:8080`. */
  readonly instances: ReadonlyMap<string, Death>;
}

/** Why a request failed. Only `failed` breaks the promise. */
export interface Verdict {
  readonly kind: 'died' | 'dead' | 'balancer' | 'failed';
  /** The moment that it is about: of the death, else when the request was sent. */
  readonly at: number;
  /** What says so. */
  readonly proof: string;
}

/**
 * Who is to blame for a request that failed, by the logs: of the load balancer, which say the host that it chose, and of that host's
 * HAProxy, which say the instance.
 *
 * - `died`: it was under way when its host, or its instance, was killed.
 * - `dead`: its instance was dead already, before HAProxy's checks or the announcer had seen that. An answer of somebody else's is
 *   no such thing.
 * - `balancer`: the load balancer gave it to a host that was dead already, before its own checks had seen that.
 */
export function judge(asked: Asked, cluster: Pick<Cluster, 'balancer' | 'hosts'>, deaths: Deaths): Verdict {
  const { number, sent, ended, said, what, service } = asked;
  const passed = cluster.balancer.logOf(number);
  const line = cluster.hosts.find(({ name }) => name === passed?.host)?.logOf(number);
  const proof = `${service} ${what}: ${said.replace(/\s+/g, ' ')}; ${passed?.text ?? 'not in the log of the load balancer'}${line ? `; ${line}` : ''}`;
  const hostDied = deaths.hosts.get(passed?.host ?? '');
  if (hostDied !== undefined && hostDied.from <= ended && sent <= (hostDied.until ?? ended)) {
    if (sent <= hostDied.to) {
      return { kind: 'died', at: hostDied.from, proof };
    }
    const tookOut = cluster.balancer.tookOut(passed?.host ?? '');
    const unseen = tookOut === undefined || tookOut < hostDied.from || sent <= tookOut;
    return { kind: unseen ? 'balancer' : 'failed', at: sent, proof };
  }
  const instance = / be_[^ /]+\/(\S+) /.exec(line ?? '')?.[1] ?? '';
  const died = deaths.instances.get(instance);
  if (died === undefined || died.from > ended || sent > (died.until ?? Number.POSITIVE_INFINITY)) {
    return { kind: 'failed', at: sent, proof };
  }
  return sent <= died.to ? { kind: 'died', at: died.from, proof } : { kind: 'dead', at: sent, proof };
}
