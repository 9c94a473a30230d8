import type { InstanceView, ServicesJson, ServiceView } from '../status/services-view.ts';

/** An instance as the page shows it; what is as usual is left out. */
export interface PageServer {
  readonly id: string;
  readonly key: string;
  /** `host:port`; left out where it is not served. */
  readonly address?: string;
  readonly weight?: number;
  readonly drain?: true;
  readonly backup?: true;
  /** Its configuration, where that is not what its key says: `held`, `kept`, `rejected`, `set aside`. */
  readonly state?: Exclude<InstanceView['state'], 'registered'>;
  /** Why it is in this state. */
  readonly because?: string;
  /** HAProxy has none of it. */
  readonly absent?: true;
  /** How HAProxy says that it is. */
  readonly up?: NonNullable<InstanceView['status']>;
  /** Why, in the words of its check. */
  readonly why?: string;
  /** Since when it is not UP, in milliseconds since 1970. */
  readonly since?: number;
  /** Who drains it. */
  readonly by?: string;
}

/** A service as the page shows it. */
export interface PageService extends Pick<ServiceView, 'name' | 'hosts' | 'paths' | 'port' | 'expose'> {
  readonly mode: string | null;
  readonly servers: readonly PageServer[];
}

/** HAProxy tells for how many whole seconds a server is as it is: the same moment is told a little differently each time. */
const SAME = 3_000;

/** What the page shows of services. It remembers since when servers are as they are, so that nothing changes by being looked at. */
export class PageServices {
  #since: ReadonlyMap<string, number> = new Map();

  /** `now` is in milliseconds since 1970. */
  of({ services }: ServicesJson, now: number): readonly PageService[] {
    const since = new Map<string, number>();
    const sinceOf = (name: string, ms: number) => {
      const before = this.#since.get(name);
      const at = before !== undefined && Math.abs(before - ms) < SAME ? before : ms;
      since.set(name, at);
      return at;
    };
    const all = services.map(({ name, mode, hosts, paths, port, expose, instances }) => ({
      ...{ name, mode, hosts, paths, port, expose },
      servers: instances.map((one) =>
        serverOf(one, (seconds) =>
          sinceOf(`${name}/${one.id}/${one.status}`, Math.round(now - seconds * 1000)),
        ),
      ),
    }));
    this.#since = since;
    return all;
  }
}

function serverOf(one: InstanceView, sinceOf: (seconds: number) => number): PageServer {
  const { id, key, address, weight, drain, backup, state, why, running, status, servers } = one;
  const worst = servers.find((server) => server.status === status);
  const isWell = status === null || status === 'UP' || status === 'no check';
  return {
    ...{ id, key },
    ...(address === null ? {} : { address }),
    ...(weight === null || drain ? {} : { weight }),
    ...(drain ? { drain } : {}),
    ...(backup ? { backup } : {}),
    ...(state === 'registered' ? {} : { state }),
    ...(why === null ? {} : { because: why }),
    ...(running === false ? { absent: true as const } : {}),
    ...(status === null ? {} : { up: status }),
    ...(worst?.why && !isWell ? { why: worst.why } : {}),
    ...(worst && !isWell ? { since: sinceOf(worst.seconds) } : {}),
    ...(worst?.drainedBy ? { by: worst.drainedBy } : {}),
  };
}

/** Whether HAProxy sends a server nothing because it does not answer. */
export function isDown({ up }: PageServer): boolean {
  return up === 'DOWN';
}
