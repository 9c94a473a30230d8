import type { KeptKey, KeyRemark, RejectedKey } from '../events.ts';
import type { HeldKey } from '../events-guard.ts';
import type { ServerSetByHand } from '../events-haproxy.ts';
import type { Instance, Service } from '../model/service.ts';
import {
  SERVER_STATUSES,
  type ServerHealth,
  type ServerStatus,
  type ServersSeen,
} from '../ports/server-health.ts';
import type { Pieces } from '../system/in-pieces.ts';

/** What services are made of, and what HAProxy makes of them. Times are milliseconds since 1970. */
export interface ServicesFacts {
  /** What is served, sorted by name. */
  readonly services: readonly Service[];
  readonly rejected: readonly RejectedKey[];
  /** By key. */
  readonly held: ReadonlyMap<string, HeldKey>;
  readonly kept: readonly KeptKey[];
  /** Keys that are set aside, and in whose place nothing stands. */
  readonly setAside: readonly SetAsideKey[];
  /** Which instance a key is of; null where it is none's. */
  readonly instanceOf: (key: string) => { readonly service: string; readonly id: string } | null;
  readonly seen: ServersSeen;
  /** What is waited for before anything is served. @default null */
  readonly waitsFor?: string | null;
}

/** A key that is set aside without anything in its place. */
export interface SetAsideKey {
  readonly key: string;
  readonly reason: string;
  readonly since: number;
}

/** How an instance comes to be in the configuration, or why it is not. */
export type InstanceState =
  /** As its key says. */
  | 'registered'
  /** Its key went, and the guard holds it. */
  | 'held'
  /** Its value is refused, and its last good form stands. */
  | 'kept'
  /** It is not served: its value is refused, or somebody else has its address. */
  | 'rejected'
  /** It is not served: HAProxy or the template refuses it. */
  | 'set aside';

/** An instance of a service, and what HAProxy makes of it. Times are ISO 8601. */
export interface InstanceView {
  readonly id: string;
  readonly key: string;
  /** All of these are of what is served: null, false or empty where nothing is. */
  readonly address: string | null;
  readonly weight: number | null;
  readonly maxconn: number | null;
  readonly backup: boolean;
  readonly drain: boolean;
  readonly tags: readonly string[];
  readonly state: InstanceState;
  /** Why it is in this state: the guard's rule, or why its value is refused. Null where it is `registered`. */
  readonly why: string | null;
  /** Since when, where that is known. */
  readonly since: string | null;
  /** When time alone ends a hold. */
  readonly until: string | null;
  /** Whether HAProxy has it; null where that cannot be seen. */
  readonly running: boolean | null;
  /** The worst of its servers'; null where it has none. */
  readonly status: ServerStatus | null;
  /** Its servers in HAProxy: one, where the template does not put it into several backends. */
  readonly servers: readonly ServerHealth[];
}

/** How many instances are what. `instances` are those that are served: registered, held or kept. */
export interface InstanceCounts {
  readonly instances: number;
  readonly registered: number;
  readonly held: number;
  readonly kept: number;
  readonly rejected: number;
  readonly setAside: number;
  /** Of those that are served: HAProxy has it or not, and how it is there. All are 0 where that cannot be seen. */
  readonly running: number;
  readonly notRunning: number;
  readonly up: number;
  readonly down: number;
  readonly drain: number;
  readonly maint: number;
  readonly unchecked: number;
}

/** A service, where it is reached, and its instances, sorted by id. */
export interface ServiceView {
  readonly name: string;
  /** Null where no key of it is good. */
  readonly mode: Service['mode'] | null;
  readonly hosts: readonly string[];
  readonly paths: readonly string[];
  readonly port: number | null;
  readonly expose: boolean;
  readonly counts: InstanceCounts;
  readonly instances: readonly InstanceView[];
}

/** What `GET /services` of the control socket and `GET /api/services` answer. Free data (`meta`) is not in it. */
export interface ServicesJson {
  /** What HAProxy was asked: when, and what answers; or why nobody can say how its servers are. */
  readonly haproxy:
    | {
        readonly seen: true;
        readonly at: string;
        readonly pid: number;
        readonly version: string;
        readonly mark: string | null;
      }
    | { readonly seen: false; readonly why: string };
  /** Not null while no source has given its keys: what is waited for. Nothing is served until then. */
  readonly waitsFor: string | null;
  readonly counts: InstanceCounts & { readonly services: number };
  /** Sorted by name. */
  readonly services: readonly ServiceView[];
  /** Servers that HAProxy has and no service: what the template adds, and what left and ends its sessions. At most 1,000. */
  readonly others: readonly ServerHealth[];
}

/** The same with all that the keys say, as `GET /services` of the control socket answers it and `services --json` prints it. */
export interface DetailedServices extends Omit<ServicesJson, 'services'> {
  /** Who says so: the daemon, or whoever read the sources or the cache anew. */
  readonly from: 'daemon' | 'sources' | 'cache';
  readonly services: readonly DetailedService[];
  readonly setByHand: readonly (Omit<ServerSetByHand, 'since'> & { readonly since: string })[];
  readonly kept: readonly KeptKey[];
  readonly rejected: readonly RejectedKey[];
  readonly remarks: readonly KeyRemark[];
  readonly ignored: number;
}

/** A service with all that its keys say; what its route says is missing where no key of it is good. */
export type DetailedService = Omit<ServiceView, 'instances'> &
  Partial<Omit<Service, keyof ServiceView>> & { readonly instances: readonly DetailedInstance[] };

/** An instance with all that its key says, where it is served. */
export type DetailedInstance = InstanceView & Partial<Omit<Instance, keyof InstanceView>>;

/** What is beside the services. */
export type ServicesBeside = Pick<DetailedServices, 'from' | 'remarks' | 'ignored'> & {
  readonly setByHand: Iterable<ServerSetByHand>;
};

/** The same as `servicesView`, with all that the keys say. */
export function* detailedServices(facts: ServicesFacts, beside: ServicesBeside): Pieces<DetailedServices> {
  const { services, ...view } = yield* servicesView(facts);
  const { kept, rejected } = facts;
  const said = new Map(facts.services.map((service) => [service.name, service]));
  const setByHand = [...beside.setByHand].map(({ backend, server, address, admin, weight, since }) => {
    return { backend, server, address, admin, weight, since: isoOf(since) };
  });
  const detailed: DetailedService[] = [];
  for (const one of services) {
    detailed.push(withDetails(one, said.get(one.name)));
    yield;
  }
  return { ...view, ...beside, services: detailed, setByHand, kept, rejected };
}

function withDetails(view: ServiceView, service: Service | undefined): DetailedService {
  const said = new Map(service?.instances.map((instance) => [instance.key, instance]));
  const instances = view.instances.map((one) => ({ ...said.get(one.key), ...one }));
  return { ...service, ...view, instances };
}

/** So many servers that are no service's are named. */
const MOST_OTHERS = 1000;

/** Every service and instance as they are now, whenever it is asked. */
export interface ServicesNow {
  /** Fit for everybody: without free data. */
  plain(): Promise<ServicesJson>;
  /** For who may read the keys themselves: the text of `DetailedServices`. */
  detailed(): Promise<string>;
}

/** What is known of every service and instance. */
export function* servicesView(facts: ServicesFacts): Pieces<ServicesJson> {
  const { seen } = facts;
  const servers = new ServerIndex(seen);
  const states = statesOf(facts);
  const missing = missingOf(facts);
  yield;
  const known: ServiceView[] = [];
  for (const service of facts.services) {
    const { name, mode, hosts, paths, port, expose } = service;
    const served = service.instances.map((instance): InstanceView => {
      const { id, key, address, weight, maxconn, backup, drain, tags } = instance;
      const found = servers.take(name, instance).map((one) => drainedAs(one, drain || weight === 0));
      const running = seen.kind === 'seen' ? found.length > 0 : null;
      return {
        ...{ id, key, address, weight, maxconn, backup, drain, tags, ...states(key), running },
        ...{ status: worstOf(found), servers: found },
      };
    });
    const instances = withMissing(served, missing.get(name));
    missing.delete(name);
    known.push({ name, mode, hosts, paths, port, expose, counts: countsOf(instances), instances });
    yield;
  }
  const lost = [...missing].map(([name, instances]): ServiceView => {
    const place = { mode: null, hosts: [], paths: [], port: null, expose: false };
    return { name, ...place, counts: countsOf(instances), instances };
  });
  const services = lost.length === 0 ? known : [...known, ...lost].sort((a, b) => order(a.name, b.name));
  return {
    haproxy: haproxyOf(seen),
    waitsFor: facts.waitsFor ?? null,
    counts: { services: services.length, ...sumOf(services.map(({ counts }) => counts)) },
    services,
    others: servers.others(MOST_OTHERS),
  };
}

function haproxyOf(seen: ServersSeen): ServicesJson['haproxy'] {
  if (seen.kind === 'unseen') {
    return { seen: false, why: seen.why };
  }
  const { pid, version, mark } = seen;
  return { seen: true, at: isoOf(seen.at), pid, version, mark };
}

type StateOf = Pick<InstanceView, 'state' | 'why' | 'since' | 'until'>;

const REGISTERED: StateOf = { state: 'registered', why: null, since: null, until: null };

/** The state of what is served of a key. */
function statesOf({ held, kept }: ServicesFacts): (key: string) => StateOf {
  const forms = new Map(kept.map((one) => [one.key, one]));
  return (key) => {
    const hold = held.get(key);
    if (hold) {
      const until = hold.until === null ? null : isoOf(hold.until);
      return { state: 'held', why: hold.rule, since: isoOf(hold.since), until };
    }
    const form = forms.get(key);
    return form ? { state: 'kept', why: form.reason, since: isoOf(form.since), until: null } : REGISTERED;
  };
}

/** What is not served, by service. */
function missingOf({
  services,
  rejected,
  setAside,
  instanceOf,
}: ServicesFacts): Map<string, readonly InstanceView[]> {
  const found = new Map<string, Map<string, InstanceView>>();
  const byName = new Map(services.map((service) => [service.name, service]));
  const add = (key: string, state: Omit<StateOf, 'until'>) => {
    const of = instanceOf(key);
    if (!of || byName.get(of.service)?.instances.some((one) => one.key === key)) {
      return;
    }
    const all = found.get(of.service) ?? new Map<string, InstanceView>();
    found.set(of.service, all.set(key, { ...NOT_SERVED, ...state, id: of.id, key }));
  };
  for (const { key, reason, other } of rejected) {
    const why = other === undefined ? reason : `${reason}: ${other}`;
    add(key, { state: 'rejected', why, since: null });
  }
  for (const { key, reason, since } of setAside) {
    add(key, { state: 'set aside', why: reason, since: isoOf(since) });
  }
  return new Map([...found].map(([name, all]) => [name, [...all.values()].sort(byId)]));
}

const NOT_SERVED: Omit<InstanceView, 'id' | 'key' | 'state' | 'why' | 'since'> = {
  address: null,
  weight: null,
  maxconn: null,
  backup: false,
  drain: false,
  tags: [],
  until: null,
  running: null,
  status: null,
  servers: [],
};

function withMissing(
  served: readonly InstanceView[],
  missing: readonly InstanceView[] = [],
): readonly InstanceView[] {
  return missing.length === 0 ? served : [...served, ...missing].sort(byId);
}

/** Finds the servers of an instance: those at its address; of several those of its name, and of these those of its service. */
class ServerIndex {
  readonly #byAddress = new Map<string, ServerHealth[]>();
  readonly #byName = new Map<string, ServerHealth[]>();
  readonly #left: Set<ServerHealth>;

  constructor(seen: ServersSeen) {
    const servers = seen.kind === 'seen' ? seen.servers : [];
    this.#left = new Set(servers);
    for (const one of servers) {
      push(this.#byAddress, one.address, one);
      push(this.#byName, one.server, one);
    }
  }

  take(service: string, { id, address, family, host, port }: Service['instances'][number]): ServerHealth[] {
    const all =
      family === 'name'
        ? this.#byName.get(id)?.filter((one) => one.address.endsWith(`:${port}`))
        : this.#byAddress.get(family === 'ipv6' ? `[${host}]:${port}` : address);
    const found = narrowed(
      narrowed(all ?? [], ({ server }) => server === id),
      ({ backend }) => isOfService(backend, service),
    );
    for (const one of found) {
      this.#left.delete(one);
    }
    return found;
  }

  others(most: number): readonly ServerHealth[] {
    // Who left is in maintenance by us, and who is not knows that.
    return [...this.#left]
      .slice(0, most)
      .map((one) => (one.drainedBy === 'hand' ? { ...one, drainedBy: null } : one));
  }
}

/** Those that fit better, where there are any. */
function narrowed(all: ServerHealth[], fits: (one: ServerHealth) => boolean): ServerHealth[] {
  const some = all.length > 1 ? all.filter(fits) : all;
  return some.length > 0 ? some : all;
}

/** The packaged template calls the backend of web `be_web`; others have ways of their own. */
function isOfService(backend: string, service: string): boolean {
  return backend === service || backend === `be_${service}`;
}

/** What is out by what its key says, was not taken out by hand. */
function drainedAs(server: ServerHealth, bySelf: boolean): ServerHealth {
  const isByText = server.drainedBy === 'hand' || server.drainedBy === 'template';
  return bySelf && server.status === 'DRAIN' && isByText ? { ...server, drainedBy: 'registration' } : server;
}

function worstOf(servers: readonly ServerHealth[]): ServerStatus | null {
  return SERVER_STATUSES.find((status) => servers.some((one) => one.status === status)) ?? null;
}

const COUNTED: Readonly<Record<ServerStatus, keyof InstanceCounts>> = {
  UP: 'up',
  DOWN: 'down',
  DRAIN: 'drain',
  NOLB: 'drain',
  MAINT: 'maint',
  'no check': 'unchecked',
};
const OF_STATE: Readonly<Record<InstanceState, keyof InstanceCounts>> = {
  registered: 'registered',
  held: 'held',
  kept: 'kept',
  rejected: 'rejected',
  'set aside': 'setAside',
};

function noCounts(): Record<keyof InstanceCounts, number> {
  return {
    instances: 0,
    registered: 0,
    held: 0,
    kept: 0,
    rejected: 0,
    setAside: 0,
    running: 0,
    notRunning: 0,
    up: 0,
    down: 0,
    drain: 0,
    maint: 0,
    unchecked: 0,
  };
}

function countsOf(instances: readonly InstanceView[]): InstanceCounts {
  const counts = noCounts();
  for (const { state, address, running, status } of instances) {
    counts[OF_STATE[state]] += 1;
    counts.instances += address === null ? 0 : 1;
    counts.running += running === true ? 1 : 0;
    counts.notRunning += running === false ? 1 : 0;
    if (status !== null) {
      counts[COUNTED[status]] += 1;
    }
  }
  return counts;
}

function sumOf(all: readonly InstanceCounts[]): InstanceCounts {
  const sum = noCounts();
  const names = Object.keys(sum) as (keyof InstanceCounts)[];
  for (const counts of all) {
    for (const name of names) {
      sum[name] += counts[name];
    }
  }
  return sum;
}

function push(map: Map<string, ServerHealth[]>, key: string, one: ServerHealth): void {
  const all = map.get(key);
  if (all) {
    all.push(one);
  } else {
    map.set(key, [one]);
  }
}

function byId(a: InstanceView, b: InstanceView): number {
  return order(a.id, b.id) || order(a.key, b.key);
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function isoOf(at: number): string {
  return new Date(at).toISOString();
}
