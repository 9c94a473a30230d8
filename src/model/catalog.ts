import { AddressClaims } from './address-claims.ts';
import type { CatalogView } from './catalog-view.ts';
import { type Change, compare, type Entry } from './entry.ts';
import type { Grammar } from './grammar.ts';
import { INSTANCE_FIELDS, INSTANCE_META } from './instance-value.ts';
import type { KeyRole } from './keys.ts';
import { type InstanceEntry, isInstance, ReadEntry } from './read-entry.ts';
import { rejection } from './rejection.ts';
import { Rejections } from './rejections.ts';
import { type Noticed, noticedFields, type Remark, Remarks, sameNoticed } from './remarks.ts';
import { type PlaceLimits, type RouteClaim, type Settlement, settleRoutes } from './route-claims.ts';
import { ROUTE_FIELDS, ROUTE_META } from './route-value.ts';
import type { MassClaim, Rejection, Route, Service } from './service.ts';
import { ALL, ServiceAdmission, type ServiceLimits } from './service-limits.ts';
import { type DefaultRoutes, ServiceSlot, type Won, wonBy } from './service-slot.ts';
import { withChanges } from './sorted-list.ts';
import { Tree } from './tree.ts';

export interface CatalogOptions {
  readonly grammar: Grammar;
  readonly duplicateAddresses: 'newest' | 'allow';
  readonly defaultRoutes: DefaultRoutes;
  /** How much routes may ask for. @default no limit */
  readonly limits?: PlaceLimits;
  /** How much of services there may be. @default no limit */
  readonly serviceLimits?: ServiceLimits;
  /** A service that lost more than this share of its addresses to another one is told: `guard.share`. @default none is */
  readonly massShare?: number;
}

const NOTHING_WON: Won = { hosts: [], port: null };

/**
 * Turns keys into services, a change at a time: it touches the services that the change speaks of and those
 * that claim the same address, host or port. What is wrong is rejected by itself and never reaches a template.
 */
export class Catalog implements CatalogView {
  /** The keys that this catalog was made of. */
  readonly tree = new Tree<ReadEntry>();
  readonly #options: CatalogOptions;
  readonly #slots = new Map<string, ServiceSlot>();
  readonly #remarks = new Remarks(FIELDS);
  readonly #wrong = new Map<string, Rejection>();
  readonly #addresses = new AddressClaims();
  readonly #admission: ServiceAdmission | undefined;
  readonly #claims = new Map<string, { claims: readonly RouteClaim[]; signature: string }>();
  readonly #dirty = new Set<string>();
  readonly #touched = new Set<string>();
  readonly #services = new Map<string, Service>();
  #settlement: Settlement = { routes: [], ports: new Map(), rejected: [] };
  #won = new Map<string, Won>();
  #losers: ReadonlySet<string> = new Set();
  #sorted: readonly Service[] = [];
  readonly #claimed = new Map<string, MassClaim>();
  #massClaims: readonly MassClaim[] = [];
  readonly #rejections = new Rejections();
  #ignored = 0;

  constructor(options: CatalogOptions) {
    this.#options = options;
    this.#admission = options.serviceLimits && new ServiceAdmission(options.serviceLimits);
  }

  get services(): readonly Service[] {
    return this.#sorted;
  }

  get routes(): readonly Route[] {
    return this.#settlement.routes;
  }

  get ignored(): number {
    return this.#ignored;
  }

  get rejected(): readonly Rejection[] {
    return this.#rejections.list;
  }

  get massClaims(): readonly MassClaim[] {
    return this.#massClaims;
  }

  get remarks(): readonly Remark[] {
    return this.#remarks.list;
  }

  service(name: string): Service | undefined {
    return this.#services.get(name);
  }

  /** The route that asks for the port that this service has of its own. */
  portClaim(service: string): Entry | undefined {
    return this.#claims.get(service)?.claims.find(({ port }) => port !== null)?.entry;
  }

  /** Makes the catalog equal to a whole tree. What did not change stays the same object. Gives the changes. */
  replace(entries: Iterable<Entry>): readonly Change[] {
    const changes = this.tree.changesTo(entries);
    this.apply(changes);
    return changes;
  }

  /** Applies changes, all together. What was not read yet is read here. Throws where reading an entry threw. */
  apply(changes: readonly Change[]): void {
    if (changes.length === 0) {
      return;
    }
    const read = changes.map((change) => this.#read(change));
    for (const [at, before] of this.tree.apply(read).entries()) {
      const change = read[at];
      const after = change?.kind === 'put' ? change.entry : undefined;
      if (before) {
        this.#take(before);
      }
      if (after) {
        this.#place(after);
      }
      this.#remark(before, after);
    }
    this.#admit();
    this.#settle();
    this.#touch();
    this.#build();
  }

  #read(change: Change): Change<ReadEntry> {
    if (change.kind === 'delete') {
      return change;
    }
    const { entry } = change;
    return { kind: 'put', entry: ReadEntry.of(entry, this.#options.grammar, this.tree.at(entry.key)) };
  }

  #take({ key, meaning: { kind, role } }: ReadEntry): void {
    const wrong = this.#wrong.get(key);
    if (wrong) {
      this.#wrong.delete(key);
      this.#rejections.replace([wrong], []);
    }
    if (kind === 'nothing') {
      this.#ignored--;
    } else {
      this.#set(role, undefined, undefined);
    }
  }

  #place(entry: ReadEntry): void {
    const { meaning } = entry;
    const { role } = meaning;
    switch (meaning.kind) {
      case 'nothing':
        this.#ignored++;
        return;
      case 'text':
        return;
      case 'instance':
        this.#set(role, isInstance(entry) ? entry : undefined, undefined);
        return;
      case 'route':
        this.#set(role, undefined, entry);
        return;
      case 'refused':
        if (meaning.by === 'value' && role.kind === 'route') {
          this.#reject(entry, `${meaning.reason}; until it is mended the service is on no frontend`);
          this.#set(role, undefined, entry);
        } else {
          this.#reject(entry, meaning.reason);
        }
        return;
      case 'threw':
        throw meaning.error;
    }
  }

  /** What is noticed of a key: nothing where it is the same as before. */
  #remark(before: ReadEntry | undefined, after: ReadEntry | undefined): void {
    const [old, noticed] = [noticedOf(before), noticedOf(after)];
    if (sameNoticed(old, noticed)) {
      return;
    }
    for (const [entry, what, step] of [
      [before, old, 'remove'],
      [after, noticed, 'add'],
    ] as const) {
      if (entry && what && 'service' in entry.meaning.role) {
        this.#remarks[step](entry.meaning.role.service, entry, what);
      }
    }
  }

  #reject(entry: Entry, reason: string): void {
    const wrong = rejection(entry, reason);
    this.#wrong.set(entry.key, wrong);
    this.#rejections.replace([], [wrong]);
  }

  /** Puts what a key gave into its service's slot, or takes it out. */
  #set(role: KeyRole, instance: InstanceEntry | undefined, route: ReadEntry | undefined): void {
    if (role.kind !== 'instance' && role.kind !== 'route') {
      return;
    }
    const slot = this.#slots.get(role.service) ?? new ServiceSlot(role.service);
    this.#slots.set(role.service, slot);
    this.#dirty.add(role.service);
    if (role.kind === 'route') {
      slot.setRoute(role, route);
      return;
    }
    slot.setInstance(role, instance);
  }

  /** What of each service is let in by the limits, and so claims its address. */
  #admit(): void {
    for (const name of this.#dirty) {
      this.#admission?.set(name, this.#slots.get(name)?.sized);
    }
    this.#admission?.settle().forEach((name) => void this.#dirty.add(name));
    for (const name of this.#dirty) {
      const moved = this.#slots.get(name)?.admit(this.#admission?.of(name) ?? ALL);
      if (!moved || this.#options.duplicateAddresses === 'allow') {
        continue;
      }
      for (const entry of moved.gone) {
        this.#addresses.remove(entry);
        this.#touched.add(entry.meaning.instance.address);
      }
      for (const entry of moved.come) {
        this.#addresses.add(entry);
        this.#touched.add(entry.meaning.instance.address);
      }
    }
  }

  /** Once for all changes together: thousands of keys may claim one address. */
  #touch(): void {
    for (const address of this.#touched) {
      for (const { meaning } of this.#addresses.at(address)) {
        this.#dirty.add(meaning.role.service);
      }
    }
    this.#touched.clear();
  }

  /** Settles hosts, paths and ports anew, but only where a claim changed. */
  #settle(): void {
    let changed = false;
    for (const name of this.#dirty) {
      const claims = this.#slots.get(name)?.claims(this.#options.defaultRoutes) ?? [];
      const signature = claims.map((claim) => this.#sign(claim)).join('\n');
      changed ||= signature !== (this.#claims.get(name)?.signature ?? '');
      // Also where they ask for the same: a rejection to come shows the values of now.
      if (claims.length > 0) {
        this.#claims.set(name, { claims, signature });
      } else {
        this.#claims.delete(name);
      }
    }
    if (!changed) {
      return;
    }
    const all = [...this.#claims.values()].flatMap(({ claims }) => claims);
    const next = settleRoutes(all, this.#options.limits);
    this.#rejections.replace(this.#settlement.rejected, next.rejected);
    const same = sameRoutes(next.routes, this.#settlement.routes);
    this.#settlement = same ? { ...next, routes: this.#settlement.routes } : next;
    this.#losers = new Set(next.rejected.map(({ key }) => key));
    const won = wonBy(next);
    for (const name of new Set([...won.keys(), ...this.#won.keys()])) {
      if (!sameWon(won.get(name), this.#won.get(name))) {
        this.#dirty.add(name);
      }
    }
    this.#won = won;
  }

  /** What a claim asks for; where it lost something, the rejection shows its value too. */
  #sign({ entry, kind, hosts, paths, port }: RouteClaim): string {
    const { source, created, key, value } = entry;
    const shown = this.#losers.has(key) ? value : null;
    return JSON.stringify([source, String(created), key, kind, hosts, paths, port, shown]);
  }

  #build(): void {
    const out = new Set<Service>();
    const more: Service[] = [];
    let claimed = false;
    for (const name of this.#dirty) {
      const slot = this.#slots.get(name);
      const rejected = slot?.rejected ?? [];
      const service = slot?.build(this.#addresses, this.#won.get(name) ?? NOTHING_WON);
      this.#rejections.replace(rejected, slot?.rejected ?? []);
      claimed = this.#noteMassClaim(name, slot) || claimed;
      if (slot?.empty) {
        this.#slots.delete(name);
      }
      const before = this.#services.get(name);
      if (service === before) {
        continue;
      }
      if (before) {
        out.add(before);
      }
      if (service) {
        more.push(service);
        this.#services.set(name, service);
      } else {
        this.#services.delete(name);
      }
    }
    this.#dirty.clear();
    if (out.size + more.length > 0) {
      this.#sorted = withChanges(this.#sorted, { out, more, order: byName });
    }
    if (claimed) {
      this.#massClaims = [...this.#claimed.values()].sort((a, b) => compare(a.service, b.service));
    }
  }

  /** Whether something about it changed. */
  #noteMassClaim(name: string, slot: ServiceSlot | undefined): boolean {
    const before = this.#claimed.get(name);
    const now = slot?.massClaim(this.#options.massShare ?? Number.POSITIVE_INFINITY);
    if (now) {
      this.#claimed.set(name, now);
    } else {
      this.#claimed.delete(name);
    }
    return before?.by !== now?.by || before?.taken !== now?.taken || before?.of !== now?.of;
  }
}

function byName(a: Service, b: Service): number {
  return compare(a.name, b.name);
}

const FIELDS = {
  instances: [...INSTANCE_FIELDS, ...INSTANCE_META],
  route: [...ROUTE_FIELDS, ...ROUTE_META],
};
const UDP: Noticed = { kind: 'udp' };

function noticedOf(entry: ReadEntry | undefined): Noticed | undefined {
  if (!entry) {
    return undefined;
  }
  const { meaning } = entry;
  switch (meaning.kind) {
    case 'instance':
      return noticedFields('instances', meaning.unknown, meaning.dropped);
    case 'route':
      return noticedFields('route', meaning.unknown);
    case 'nothing':
      return meaning.role.kind === 'udp' ? UDP : undefined;
    case 'text':
    case 'refused':
    case 'threw':
      return undefined;
  }
}

function sameRoutes(a: readonly Route[], b: readonly Route[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ service, host, path }, at) => {
      const other = b[at];
      return other?.service === service && other.host === host && other.path === path;
    })
  );
}

function sameWon(a: Won = NOTHING_WON, b: Won = NOTHING_WON): boolean {
  return a.port === b.port && a.hosts.join() === b.hosts.join();
}
