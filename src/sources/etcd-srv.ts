import { Resolver } from 'node:dns/promises';
import { PointsmanError, SourceError } from '../errors.ts';
import { abortable } from './abortable.ts';

/** Where the members of an etcd are found: by DNS, as etcd's own clients do. */
export interface SrvOptions {
  /** A domain that has the records `_etcd-client-ssl._tcp` or `_etcd-client._tcp`. */
  readonly srv: string;
  /** Addresses, with a port where it is not 53. @default those of the system */
  readonly nameservers?: readonly string[];
  /** Members without TLS are passed over where it is asked for. */
  readonly tls?: object;
}

/** The members of an etcd as far as they are known now. */
export interface KnownMembers {
  /** URLs; the same array for ever, whose members change. */
  readonly endpoints: readonly string[];
  /**
   * Asks anew, but not within 1 s of the last time, and from the first call on every 5 minutes until `signal` aborts. A failure keeps
   * the last answer.
   *
   * @throws SourceError where there never was one.
   */
  refresh(signal: AbortSignal): Promise<void>;
}

/** Milliseconds. */
const EVERY = 300_000;
const NOT_WITHIN = 1_000;
/** What etcd looks for, and the scheme that follows from it: the first one is asked first when both answer. */
const RECORDS = [
  { name: '_etcd-client-ssl._tcp', scheme: 'https' },
  { name: '_etcd-client._tcp', scheme: 'http' },
] as const;

/** Where the members of an etcd are: as the settings name them, or as DNS does. */
export function membersOf(of: {
  readonly endpoints: readonly string[];
  readonly srv?: string;
  readonly nameservers?: readonly string[];
  readonly tls?: object;
}): Pick<KnownMembers, 'endpoints'> & Partial<KnownMembers> {
  const { endpoints, srv, nameservers, tls } = of;
  if (srv === undefined) {
    return { endpoints };
  }
  return srvMembers({ srv, ...(nameservers ? { nameservers } : {}), ...(tls ? { tls } : {}) });
}

/** The members of an etcd that DNS knows. Nothing is asked yet. */
export function srvMembers({ srv, nameservers, tls }: SrvOptions): KnownMembers {
  const endpoints: string[] = [];
  let askedAt = Number.NEGATIVE_INFINITY;
  const repeating = new WeakSet<AbortSignal>();
  const resolver = new Resolver({ timeout: 2_000, tries: 2 });
  if (nameservers) {
    resolver.setServers(nameservers);
  }
  /** Whom we asked for the record may be the only one who knows the names in it; but a certificate is of a name. */
  const hostOf = async (target: string, scheme: 'http' | 'https'): Promise<string> => {
    const name = target.replace(/\.$/, '');
    if (!nameservers || scheme === 'https') {
      return name;
    }
    const [address] = await resolver.resolve4(name).catch(() => []);
    return address ?? name;
  };
  const records = RECORDS.filter(({ scheme }) => tls === undefined || scheme === 'https');
  const ask = async () => {
    askedAt = performance.now();
    const answers = await Promise.allSettled(
      records.map(async ({ name, scheme }) => {
        const found = await resolver.resolveSrv(`${name}.${srv}`);
        const sorted = found.toSorted(
          (a, b) => a.priority - b.priority || b.weight - a.weight || (a.name < b.name ? -1 : 1),
        );
        return Promise.all(
          sorted.map(async (one) => `${scheme}://${await hostOf(one.name, scheme)}:${one.port}`),
        );
      }),
    );
    const urls = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
    if (urls.length > 0) {
      endpoints.length = 0;
      for (const url of new Set(urls)) {
        endpoints.push(url);
      }
    } else if (endpoints.length === 0) {
      throw nothing(srv, records, answers);
    }
  };
  return {
    endpoints,
    async refresh(signal) {
      if (!repeating.has(signal)) {
        repeating.add(signal);
        const timer = setInterval(() => void ask().catch(() => undefined), EVERY).unref();
        signal.addEventListener('abort', () => clearInterval(timer), { once: true });
      }
      if (performance.now() - askedAt >= NOT_WITHIN || endpoints.length === 0) {
        await abortable(ask(), signal);
      }
    },
  };
}

/** As `refresh`, and gives what is wrong instead of throwing it. */
export async function refreshOr(
  refresh: KnownMembers['refresh'] | undefined,
  signal: AbortSignal,
): Promise<PointsmanError | null> {
  try {
    await refresh?.(signal);
    return null;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof PointsmanError) {
      return error;
    }
    throw error;
  }
}

function nothing(
  srv: string,
  records: readonly { readonly name: string }[],
  answers: readonly PromiseSettledResult<unknown>[],
): SourceError {
  const found = answers.map((answer, at) => {
    const code: unknown = answer.status === 'rejected' ? Reflect.get(Object(answer.reason), 'code') : null;
    return `${records[at]?.name}.${srv}: ${code ?? 'no records'}`;
  });
  return new SourceError(`asking DNS for the members of etcd: ${found.join(', ')}`, {
    hint: 'look at etcd.srv and etcd.nameservers: dig +short SRV _etcd-client-ssl._tcp.DOMAIN and _etcd-client._tcp.DOMAIN show what is there',
  });
}
