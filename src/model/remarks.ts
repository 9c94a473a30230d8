import { compare, type Entry } from './entry.ts';
import { nearestNames } from './nearest-names.ts';
import { shorten } from './shorten.ts';

/** Something about the keys of a service that is nothing wrong, but may not be what was meant. */
export interface Remark {
  readonly service: string;
  readonly of: 'instances' | 'route';
  /** The unknown field; null for UDP ports. */
  readonly field: string | null;
  /** `misspelt`: an unknown field that is like a known one. */
  readonly kind: 'misspelt' | 'unknown field' | 'udp';
  /** The keys that it is about. */
  readonly count: number;
  /** One of them. */
  readonly key: string;
  /** One sentence. */
  readonly message: string;
}

/** What a key gives reason to remark: its unknown fields, or that it is there at all. */
export type Noticed =
  | { readonly kind: 'udp' }
  | { readonly kind: 'fields'; readonly of: 'instances' | 'route'; readonly unknown: readonly string[] };

/** So many unknown fields of one value are told, and so many of one service. */
const NAMED = 20;

/** The unknown fields of a value, as far as they are told. */
export function noticedFields(of: 'instances' | 'route', unknown: readonly string[]): Noticed | undefined {
  return unknown.length === 0 ? undefined : { kind: 'fields', of, unknown: unknown.slice(0, NAMED) };
}

interface Group {
  readonly service: string;
  readonly of: 'instances' | 'route' | 'udp';
  readonly field: string;
  readonly keys: Set<string>;
  /** Made when it is asked for. */
  remark?: Remark | undefined;
}

/** What is noticed of keys, counted by service and field. */
export class Remarks {
  readonly #known: Readonly<Record<'instances' | 'route', readonly string[]>>;
  /** By service, then by what is noticed. */
  readonly #services = new Map<string, Map<string, Group>>();
  #list: readonly Remark[] | undefined;

  /** `known` are the fields that a value may have. */
  constructor(known: Readonly<Record<'instances' | 'route', readonly string[]>>) {
    this.#known = known;
  }

  /** Sorted by service and field; the same array as before while nothing changed. */
  get list(): readonly Remark[] {
    this.#list ??= [...this.#services.values()]
      .flatMap((groups) => [...groups.values()].sort(byField).slice(0, NAMED))
      .sort((a, b) => compare(a.service, b.service) || byField(a, b))
      .map((group) => {
        group.remark ??= this.#describe(group);
        return group.remark;
      });
    return this.#list;
  }

  add(service: string, { key }: Entry, noticed: Noticed): void {
    for (const { of, field } of partsOf(noticed)) {
      const groups = this.#services.get(service) ?? new Map<string, Group>();
      this.#services.set(service, groups);
      const group = groups.get(`${of} ${field}`) ?? { service, of, field, keys: new Set() };
      groups.set(`${of} ${field}`, group);
      group.keys.add(key);
      group.remark = this.#list = undefined;
    }
  }

  remove(service: string, { key }: Entry, noticed: Noticed): void {
    const groups = this.#services.get(service);
    for (const { of, field } of groups ? partsOf(noticed) : []) {
      const group = groups?.get(`${of} ${field}`);
      if (!group?.keys.delete(key)) {
        continue;
      }
      group.remark = this.#list = undefined;
      if (group.keys.size === 0) {
        groups?.delete(`${of} ${field}`);
      }
    }
    if (groups?.size === 0) {
      this.#services.delete(service);
    }
  }

  #describe({ service, of, field, keys }: Group): Remark {
    const [key = ''] = keys;
    const count = keys.size;
    const shown = shorten(key, 200);
    const such = count === 1 ? `(${shown})` : `(${count} keys, such as ${shown})`;
    const base = { service, count, key: shown };
    if (of === 'udp') {
      const message = `service ${service}: registrator's UDP ports are left out ${such}: HAProxy balances TCP`;
      return { ...base, of: 'instances', field: null, kind: 'udp', message };
    }
    const name = shorten(field, 60);
    const meant = meantBy(field, this.#known[of]);
    const where = of === 'route' ? `route of ${service}` : `instances of ${service}`;
    const message = `${where}: the unknown field "${name}" goes to meta ${such}`;
    return meant === undefined
      ? { ...base, of, field: name, kind: 'unknown field', message }
      : { ...base, of, field: name, kind: 'misspelt', message: `${message}; did you mean "${meant}"?` };
  }
}

/** The known field that somebody may have meant by an unknown one, or undefined. */
export function meantBy(field: string, known: readonly string[]): string | undefined {
  const [near] = nearestNames(field, known);
  const synonym = SYNONYMS.get(field.toLowerCase());
  return near ?? (synonym !== undefined && known.includes(synonym) ? synonym : undefined);
}

/** Other registries' words. */
const SYNONYMS: ReadonlyMap<string, string> = new Map([
  ['addr', 'host'],
  ['address', 'host'],
  ['ip', 'host'],
]);

/** Whether the same is noticed. */
export function sameNoticed(a: Noticed | undefined, b: Noticed | undefined): boolean {
  if (a === b) {
    return true;
  }
  if (a?.kind !== 'fields' || b?.kind !== 'fields') {
    return a?.kind === b?.kind;
  }
  return a.unknown.length === b.unknown.length && a.unknown.every((field, at) => field === b.unknown[at]);
}

function partsOf(noticed: Noticed): readonly Pick<Group, 'of' | 'field'>[] {
  if (noticed.kind === 'udp') {
    return [{ of: 'udp', field: '' }];
  }
  const { of, unknown } = noticed;
  return unknown.map((field) => ({ of, field }));
}

function byField(a: Group, b: Group): number {
  return compare(b.of, a.of) || compare(a.field, b.field);
}
