import { compare, type Entry } from './entry.ts';
import type { DroppedField } from './fields.ts';
import { nearestNames } from './nearest-names.ts';
import { shorten } from './shorten.ts';

/** Something about the keys of a service that is nothing wrong, but may not be what was meant. */
export interface Remark {
  readonly service: string;
  readonly of: 'instances' | 'route';
  /** The field; null for UDP ports. */
  readonly field: string | null;
  /** `misspelt`: an unknown field that is like a known one; `dropped field`: it does not fit, and is left out. */
  readonly kind: 'misspelt' | 'unknown field' | 'dropped field' | 'udp';
  /** The keys that it is about. */
  readonly count: number;
  /** One of them. */
  readonly key: string;
  /** One sentence. */
  readonly message: string;
}

/** A field that gives reason to remark: an unknown one, or with a reason one that is left out. */
interface NoticedField {
  readonly field: string;
  readonly dropped: string | null;
}

/** What a key gives reason to remark: some of its fields, or that it is there at all. */
export type Noticed =
  | { readonly kind: 'udp' }
  | {
      readonly kind: 'fields';
      readonly of: 'instances' | 'route';
      readonly fields: readonly NoticedField[];
    };

/** So many fields of one value are told, and so many of one service. */
const NAMED = 20;

/** The fields of a value that are unknown or left out, as far as they are told. */
export function noticedFields(
  of: 'instances' | 'route',
  unknown: readonly string[],
  dropped: readonly DroppedField[] = [],
): Noticed | undefined {
  if (unknown.length + dropped.length === 0) {
    return undefined;
  }
  const left = dropped.map(({ field, reason }) => ({ field, dropped: reason }));
  const fields = [...left, ...unknown.map((field) => ({ field, dropped: null }))];
  return { kind: 'fields', of, fields: fields.slice(0, NAMED) };
}

interface Group {
  readonly service: string;
  readonly of: 'instances' | 'route' | 'udp';
  readonly field: string;
  /** With the reason where the field is left out. */
  readonly keys: Map<string, string | null>;
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
    for (const { of, field, dropped } of partsOf(noticed)) {
      const groups = this.#services.get(service) ?? new Map<string, Group>();
      this.#services.set(service, groups);
      const group: Group = groups.get(`${of} ${field}`) ?? { service, of, field, keys: new Map() };
      groups.set(`${of} ${field}`, group);
      group.keys.set(key, dropped);
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
    const [[key, dropped] = ['', null]] = keys;
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
    if (dropped !== null) {
      const message = `${where}: the field "${name}" is left out ${such}: ${dropped}`;
      return { ...base, of, field: name, kind: 'dropped field', message };
    }
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
  const isSame = ({ field, dropped }: NoticedField, other: NoticedField | undefined) =>
    field === other?.field && dropped === other.dropped;
  return (
    a.of === b.of &&
    a.fields.length === b.fields.length &&
    a.fields.every((one, at) => isSame(one, b.fields[at]))
  );
}

function partsOf(noticed: Noticed): readonly (Pick<Group, 'of' | 'field'> & NoticedField)[] {
  if (noticed.kind === 'udp') {
    return [{ of: 'udp', field: '', dropped: null }];
  }
  return noticed.fields.map((one) => ({ of: noticed.of, ...one }));
}

function byField(a: Group, b: Group): number {
  return compare(b.of, a.of) || compare(a.field, b.field);
}
