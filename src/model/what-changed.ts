import { compare } from './entry.ts';
import type { Instance, Service } from './service.ts';
import { visible } from './visible.ts';

/** So many services are named, and so many instances of each. */
const MOST_SERVICES = 20;
const MOST_INSTANCES = 5;
const MOST_TEXT = 60;

/**
 * What differs between two lists of services, each sorted by name, a clause a service: `shop: +s5, -s1, s2 weight 1 -> 7`,
 * `route of blog: hosts +b.example`, `mail is gone`. At most 20 of them, the last one with the count of the others.
 */
export function whatChanged(before: readonly Service[], after: readonly Service[]): readonly string[] {
  const pairs = pairsOf(before, after);
  const clauses = pairs.slice(0, MOST_SERVICES).flatMap(({ old, now }) => clausesOf(old, now));
  const more = pairs.length - MOST_SERVICES;
  return more > 0 ? [...clauses, `and ${more} more services`] : clauses;
}

interface Pair {
  readonly old: Service | undefined;
  readonly now: Service | undefined;
}

/** What is the same object says the same. */
function pairsOf(before: readonly Service[], after: readonly Service[]): readonly Pair[] {
  const pairs: Pair[] = [];
  let [at, to] = [0, 0];
  while (at < before.length || to < after.length) {
    const [old, now] = [before[at], after[to]];
    const order = old && now ? compare(old.name, now.name) : old ? -1 : 1;
    if (order !== 0 || old !== now) {
      pairs.push({ old: order <= 0 ? old : undefined, now: order >= 0 ? now : undefined });
    }
    at += order <= 0 ? 1 : 0;
    to += order >= 0 ? 1 : 0;
  }
  return pairs;
}

function clausesOf(old: Service | undefined, now: Service | undefined): readonly string[] {
  if (!now) {
    return old ? [`${old.name} is gone`] : [];
  }
  const instances = instancesOf(old?.instances ?? [], now.instances);
  const listed = instances.slice(0, MOST_INSTANCES);
  const more = instances.length - listed.length;
  const all = [...(old ? [] : ['new']), ...listed, ...(more > 0 ? [`and ${more} more`] : [])];
  const route = old ? routeOf(old, now) : [];
  return [
    ...(all.length > 0 ? [`${now.name}: ${all.join(', ')}`] : []),
    ...(route.length > 0 ? [`route of ${now.name}: ${route.join(', ')}`] : []),
  ];
}

function instancesOf(before: readonly Instance[], after: readonly Instance[]): readonly string[] {
  const old = new Map(before.map((one) => [one.id, one]));
  const ids = new Set(after.map(({ id }) => id));
  const come = after.filter(({ id }) => !old.has(id)).map(({ id }) => `+${id}`);
  const gone = before.filter(({ id }) => !ids.has(id)).map(({ id }) => `-${id}`);
  const changed = after.flatMap((now) => {
    const one = old.get(now.id);
    const facts = one && one !== now ? factsOf(one, now) : [];
    return facts.length > 0 ? [`${now.id} ${facts.join(' and ')}`] : [];
  });
  return [...come, ...gone, ...changed];
}

function factsOf(old: Instance, now: Instance): readonly string[] {
  const drains = old.drain === now.drain ? [] : [now.drain ? 'drains' : 'drains no longer'];
  // A weight of 0 is how it drains.
  const weight = old.drain === now.drain ? moved('weight', old.weight, now.weight) : [];
  return [
    ...moved('address', old.address, now.address),
    ...drains,
    ...weight,
    ...moved('maxconn', old.maxconn, now.maxconn),
    ...(old.backup === now.backup ? [] : [now.backup ? 'is a backup' : 'is no backup any more']),
    ...named('tags', old.tags, now.tags),
    ...named('meta', old.meta, now.meta),
  ];
}

function routeOf(old: Service, now: Service): readonly string[] {
  return [
    ...moved('mode', old.mode, now.mode),
    ...listed('hosts', old.hosts, now.hosts),
    ...listed('paths', old.paths, now.paths),
    ...moved('port', old.port, now.port),
    ...(old.expose === now.expose
      ? []
      : [now.expose ? 'on the shared frontend' : 'not on the shared frontend']),
    ...moved('balance', old.balance, now.balance),
    ...named('check', old.check, now.check),
    ...named('timeouts', old.timeouts, now.timeouts),
    ...named('meta', old.meta, now.meta),
  ];
}

function moved(name: string, old: string | number | null, now: string | number | null): readonly string[] {
  return old === now ? [] : [`${name} ${old ?? 'default'} -> ${now ?? 'default'}`];
}

/** Free data: what is in it is told by the key. */
function named(name: string, old: unknown, now: unknown): readonly string[] {
  return JSON.stringify(old) === JSON.stringify(now) ? [] : [name];
}

function listed(name: string, old: readonly string[], now: readonly string[]): readonly string[] {
  const come = now.filter((one) => !old.includes(one)).map((one) => `+${shown(one)}`);
  const gone = old.filter((one) => !now.includes(one)).map((one) => `-${shown(one)}`);
  const all = [...come, ...gone];
  const more = all.length - MOST_INSTANCES;
  const words = [...all.slice(0, MOST_INSTANCES), ...(more > 0 ? [`and ${more} more`] : [])];
  return all.length > 0 ? [`${name} ${words.join(' ')}`] : [];
}

function shown(text: string): string {
  const whole = visible(text);
  return whole.length > MOST_TEXT ? `${whole.slice(0, MOST_TEXT)}…` : whole;
}
