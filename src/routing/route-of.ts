import { nearestNames } from '../model/nearest-names.ts';
import type { Instance, Rejection, Route, Service } from '../model/service.ts';
import { hasPort, portsOf } from '../plan/bound-ports.ts';
import { readWords } from '../plan/words.ts';
import type { RouteRequest } from './route-request.ts';

/** What is routed by: services, routes in matching order, and `vars` of the settings. */
export interface Routing {
  readonly services: readonly Service[];
  readonly routes: readonly Route[];
  readonly rejected: readonly Rejection[];
  readonly vars: Readonly<Record<string, unknown>>;
}

/** Who answers. */
export type RouteAnswer =
  | {
      readonly kind: 'service';
      readonly service: string;
      readonly backend: string;
      /** The rule that leads there. */
      readonly rule: string;
      /** Those that get new sessions; empty: HAProxy answers 503. */
      readonly servers: readonly Instance[];
      /** The others, with why. */
      readonly idle: readonly { readonly id: string; readonly why: 'drain' | 'weight 0' | 'backup' }[];
    }
  /** `monitor-uri` and the statistics: HAProxy answers by itself. */
  | { readonly kind: 'health' | 'stats' }
  /** 404 */
  | { readonly kind: 'nobody' }
  | { readonly kind: 'no listener'; readonly port: number };

/** A rule that does not answer, though it is near. */
export interface OtherRule {
  readonly service: string;
  readonly rule: string;
  /** Which of its conditions fails; `order`: none, but another rule comes before it. */
  readonly failed: 'host' | 'path' | 'port' | 'tcp' | 'expose' | 'route' | 'order';
  readonly why: string;
}

/** Who answers a request, and who does not. */
export interface RouteFound {
  readonly answer: RouteAnswer;
  /** At most 10, the nearest first. */
  readonly others: readonly OtherRule[];
  /** What of the request decides nothing, for people. */
  readonly notes: readonly string[];
}

const MOST = 10;
const ADDRESS = /^\[[0-9a-f:.]+\](?::[0-9]+)?$/i;
const NO_HOST = 'what is sent as Host is no name of a host: newer versions of HAProxy answer it with 400';

/** What the packaged template's rules look at. */
interface Seen {
  readonly host: string;
  /** Whether it can be below a domain. */
  readonly isName: boolean;
  /** With a slash at its end. */
  readonly path: string;
}

/** Says who answers a request by the packaged template, and why not another. Pure. */
export function routeOf(routing: Routing, request: RouteRequest): RouteFound {
  const seen = seenOf(request);
  const notes = [
    ...(request.headers.length > 0 ? [`no rule looks at ${request.headers.join(', ')}`] : []),
    ...(seen.isName || ADDRESS.test(request.host) ? [] : [NO_HOST]),
    ...(request.method === 'GET' ? [] : ['no rule looks at the method']),
  ];
  const own = listenerOf(routing, request.port);
  if (own !== 'shared') {
    return { answer: own, others: otherRules(routing, seen, null), notes };
  }
  const { healthUri = '/haproxy-health' } = routing.vars;
  if (healthUri !== '' && request.target === healthUri) {
    return { answer: { kind: 'health' }, others: [], notes };
  }
  const first = routing.routes.find((route) => missing(route, seen) === null) ?? null;
  const others = otherRules(routing, seen, first);
  if (first) {
    const service = routing.services.find(({ name }) => name === first.service);
    return { answer: answerOf(service, first.service, ruleOf(first)), others, notes };
  }
  const { defaultService } = routing.vars;
  const fallback = routing.services.find(({ name, mode }) => name === defaultService && mode === 'http');
  const answer: RouteAnswer = fallback
    ? answerOf(fallback, fallback.name, 'vars.defaultService')
    : { kind: 'nobody' };
  return { answer, others, notes };
}

/** Whether somebody answers with something else than an error of HAProxy's. */
export function isAnswered({ answer }: RouteFound): boolean {
  switch (answer.kind) {
    case 'service':
      return answer.servers.length > 0;
    case 'health':
    case 'stats':
      return true;
    case 'nobody':
    case 'no listener':
      return false;
  }
}

/** As `host_only,lower,rtrim(.)` and `path,concat(/)` of HAProxy have it. */
function seenOf({ host: given, target }: RouteRequest): Seen {
  const end = Math.max(given.lastIndexOf(':'), given.lastIndexOf(']'));
  const bare = given[end] === ':' ? given.slice(0, end) : given;
  const host = bare.replace(/[A-Z]/g, (letter) => letter.toLowerCase()).replace(/\.+$/, '');
  const isName = /^[a-z0-9_-][a-z0-9_.-]*(?::[0-9]+)?$/i.test(given);
  return { host, isName, path: `${target.split('?', 1)[0]}/` };
}

/** `shared`, or who answers by the port alone. */
function listenerOf({ services, vars }: Routing, port: number | null): 'shared' | RouteAnswer {
  if (port === null || listensOn(vars.bind ?? ':80', port)) {
    return 'shared';
  }
  const service = services.find((one) => one.port === port);
  if (service) {
    return answerOf(service, service.name, `port ${port}`);
  }
  return vars.stats && listensOn(vars.stats, port) ? { kind: 'stats' } : { kind: 'no listener', port };
}

function listensOn(binds: unknown, port: number): boolean {
  return (Array.isArray(binds) ? binds : [binds]).some((bind) =>
    portsOf(readWords(String(bind)).words[0] ?? '').some((range) => hasPort(range, port)),
  );
}

function answerOf(service: Service | undefined, name: string, rule: string): RouteAnswer {
  const all = service?.instances ?? [];
  const able = all.filter(({ weight }) => weight !== 0);
  const first = able.filter(({ backup }) => !backup);
  // HAProxy sends to one backup alone, while it has nobody else.
  const servers = first.length > 0 ? first : able.slice(0, 1);
  const idle = all.flatMap(({ id, drain, weight }) => {
    const why = drain ? 'drain' : weight === 0 ? 'weight 0' : 'backup';
    return servers.some((one) => one.id === id) ? [] : [{ id, why } as const];
  });
  return { kind: 'service', service: name, backend: `be_${name}`, rule, servers, idle };
}

/** Which condition of a route a request does not meet; null where it meets all. */
function missing(route: Route, { host, isName, path }: Seen): 'host' | 'path' | null {
  if (!hasHost(route.host, { host, isName })) {
    return 'host';
  }
  return route.path === null || path.startsWith(`${route.path}/`) ? null : 'path';
}

function hasHost(wanted: string | null, { host, isName }: Pick<Seen, 'host' | 'isName'>): boolean {
  if (wanted === null) {
    return true;
  }
  if (wanted.startsWith('*.')) {
    return isName && host.endsWith(wanted.slice(1));
  }
  return wanted.endsWith('.*') ? isName && host.startsWith(wanted.slice(0, -1)) : host === wanted;
}

function ruleOf({ host, path }: Pick<Route, 'host' | 'path'>): string {
  return `${host === null ? 'any host' : `host ${host}`}${path === null ? '' : `, path ${path}`}`;
}

function otherRules(routing: Routing, seen: Seen, first: Route | null): readonly OtherRule[] {
  const { services, routes } = routing;
  const label = seen.host.split('.', 1)[0] ?? '';
  const hosts = routes.flatMap(({ host }) => host ?? []);
  const near = new Set([...nearestNames(seen.host, new Set(hosts))].slice(0, 3));
  const ranked = routes.flatMap((route): [number, OtherRule][] => {
    const { service, host, path } = route;
    const failed = route === first ? 'none' : (missing(route, seen) ?? 'order');
    const said = { service, rule: ruleOf(route) };
    switch (failed) {
      case 'none':
        return [];
      case 'order':
        return [[0, { ...said, failed, why: 'it fits as well, but the rule that answers comes before it' }]];
      case 'path':
        return [[1, { ...said, failed, why: `the path is not ${path} and not below it` }]];
      case 'host': {
        const isNear = service.toLowerCase() === label || (host !== null && near.has(host));
        const isWild = host?.includes('*') && !seen.isName && hasHost(host, { ...seen, isName: true });
        const why = isWild
          ? 'what is sent as Host is no name of a host'
          : `the host ${seen.host} is not ${host}`;
        return isNear || isWild ? [[2, { ...said, failed, why }]] : [];
      }
      default:
        failed satisfies never;
        return [];
    }
  });
  const placed = new Set(routes.map(({ service }) => service));
  const unplaced = services.flatMap((service): [number, OtherRule][] => {
    const isNamed = service.name.toLowerCase() === label;
    return isNamed && !placed.has(service.name) ? [[3, offFrontend(service, routing)]] : [];
  });
  return [...ranked, ...unplaced]
    .sort(([one], [other]) => one - other)
    .slice(0, MOST)
    .map(([, rule]) => rule);
}

/** Why a service is not on the shared frontend. */
function offFrontend({ name, mode, port, expose }: Service, { rejected }: Routing): OtherRule {
  const about = rejected.find(({ key }) => key.endsWith(`/${name}`) || key.includes(`/${name}/`));
  const said = { service: name, rule: 'no rule of the shared frontend' };
  if (mode === 'tcp') {
    const where = port === null ? 'has no port' : `is reached at its port ${port}`;
    return { ...said, failed: 'tcp', why: `it is a tcp service, and ${where}` };
  }
  if (about) {
    return { ...said, failed: 'route', why: `${about.key}: ${about.reason}` };
  }
  if (port !== null) {
    return { ...said, failed: 'port', why: `it is reached at its port ${port}` };
  }
  return expose
    ? { ...said, failed: 'host', why: 'no host leads to it (vars.defaultRoutes, vars.domain)' }
    : { ...said, failed: 'expose', why: 'its route says expose: false' };
}
