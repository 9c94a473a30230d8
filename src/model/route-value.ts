import { hostName } from './address.ts';
import {
  BadValue,
  bool,
  integer,
  jsonObject,
  list,
  matching,
  metaOf,
  object,
  oneOf,
  type Parsed,
  parsed,
  type Read,
  unknownFields,
} from './fields.ts';
import type { Grammar } from './grammar.ts';
import { BALANCE, type Balance, type Check, type Meta, TIMEOUTS, type TimeoutName } from './service.ts';
import { shorten } from './shorten.ts';
import { WrittenNumber } from './written-number.ts';

/** What `/routes/<service>` says, checked. */
export interface RouteValue {
  readonly mode: 'http' | 'tcp';
  readonly hosts: readonly string[];
  readonly paths: readonly string[];
  readonly port: number | null;
  readonly expose: boolean;
  readonly balance: Balance | null;
  readonly check: Check | null;
  readonly timeouts: Readonly<Partial<Record<TimeoutName, string>>>;
  readonly meta: Meta;
}

/** The fields of a route's JSON value. */
export const ROUTE_FIELDS = [
  'mode',
  'hosts',
  'paths',
  'port',
  'expose',
  'balance',
  'check',
  'timeouts',
  'meta',
] as const;
const KNOWN: ReadonlySet<string> = new Set(ROUTE_FIELDS);
/** What the packaged template reads out of its `meta`. */
export const ROUTE_META = ['proxyProtocol'] as const;
const READ: ReadonlySet<string> = new Set([...ROUTE_FIELDS, ...ROUTE_META]);
/** The fields of its `check`. */
export const CHECK_FIELDS = ['path', 'interval', 'rise', 'fall', 'status'] as const;
const DURATION = /^([1-9]\d{0,8})(us|ms|s|m|h|d)?$/;
const MILLISECONDS: Readonly<Record<string, number>> = {
  us: 0.001,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
/** HAProxy counts in 31 bits of milliseconds, which ends in the 25th day. */
const LONGEST = 24 * 86_400_000;
const PATH = /^\/[A-Za-z0-9._~:@%+=!&*/-]{0,254}$/;
const CHECK_PATH = /^\/[A-Za-z0-9._~:@%+=!&*/?-]{0,254}$/;
const STATUS = /^[1-5]\d\d(-[1-5]\d\d)?(,[1-5]\d\d(-[1-5]\d\d)?){0,31}$/;

/** Reads the value of `/routes/<service>`. Fields that it does not know go to `meta`. */
export function parseRoute(
  value: string,
  { reservedPorts, placesPerService }: Pick<Grammar, 'reservedPorts' | 'placesPerService'> = {},
): Parsed<Read<RouteValue>> {
  return parsed(() => {
    const fields = jsonObject(value);
    const read = <T>(name: string, none: T, parse: (value: unknown) => T): T => {
      const field = fields.get(name);
      return field === undefined || field === null ? none : parse(field);
    };
    const route: RouteValue = {
      mode: read('mode', 'http', (v) => oneOf('mode', v, ['http', 'tcp'])),
      hosts: read('hosts', [], (v) => unique(list('hosts', v).map(routeHost))),
      paths: read('paths', [], (v) => withoutRoot(unique(list('paths', v).map(routePath)))),
      port: read<number | null>('port', null, (v) => integer('port', v, 1, 65535)),
      expose: read('expose', true, (v) => bool('expose', v)),
      balance: read<Balance | null>('balance', null, (v) => oneOf('balance', v, BALANCE)),
      check: read<Check | null>('check', null, readCheck),
      timeouts: read('timeouts', {}, readTimeouts),
      meta: metaOf(fields, KNOWN),
    };
    if (route.mode === 'tcp') {
      refuseHttpFields(route);
    }
    const owner = route.port === null ? undefined : reservedPorts?.get(route.port);
    if (owner !== undefined) {
      throw new BadValue(`the port ${route.port} is taken by ${owner}`);
    }
    const places = Math.max(1, route.hosts.length) * Math.max(1, route.paths.length);
    if (placesPerService !== undefined && places > placesPerService) {
      const limit = `limits.placesPerService (${placesPerService})`;
      throw new BadValue(`its hosts and paths are ${places} places, more than ${limit}`);
    }
    return { value: route, unknown: unknownFields(fields, READ) };
  });
}

function refuseHttpFields(route: RouteValue): void {
  if (route.port === null) {
    throw new BadValue('mode tcp needs a port of its own');
  }
  if (route.hosts.length > 0 || route.paths.length > 0) {
    throw new BadValue('mode tcp knows neither hosts nor paths; take them out or use mode http');
  }
  if (route.balance === 'uri') {
    throw new BadValue('balance uri needs mode http');
  }
}

function routeHost(value: unknown): string {
  const text = typeof value === 'string' ? value.replace(/:\d{1,5}$/, '') : '';
  const name = hostName(text.replace(/^\*\./, ''));
  if (name === undefined) {
    const shown = shorten(String(JSON.stringify(value)), 60);
    throw new BadValue(`a host must be a name such as shop.example.com or *.example.com, found ${shown}`);
  }
  return text.startsWith('*.') ? `*.${name}` : name;
}

function routePath(value: unknown): string {
  const path = matching(
    'a path',
    value,
    PATH,
    'a prefix such as /api, of the characters A-Z a-z 0-9 . _ ~ : @ % + = ! & * / -',
  );
  if (/\/\/|\/\.{1,2}(\/|$)/.test(path)) {
    throw new BadValue(`a path holds no //, /./ or /../; found "${path}"`);
  }
  return path.length > 1 ? path.replace(/\/$/, '') : path;
}

/** `/` covers every path, so the others say nothing more. */
function withoutRoot(paths: readonly string[]): readonly string[] {
  return paths.includes('/') ? [] : paths;
}

function readCheck(value: unknown): Check {
  const fields = object('check', value);
  for (const name of fields.keys()) {
    oneOf('a field of check', name, CHECK_FIELDS);
  }
  const read = <T>(name: (typeof CHECK_FIELDS)[number], parse: (value: unknown) => T): T | null => {
    const field = fields.get(name);
    return field === undefined || field === null ? null : parse(field);
  };
  return {
    path: read('path', (v) => matching('check.path', v, CHECK_PATH, 'a path such as /healthz')),
    interval: read('interval', (v) => duration('check.interval', v)),
    rise: read('rise', (v) => integer('check.rise', v, 1, 255)),
    fall: read('fall', (v) => integer('check.fall', v, 1, 255)),
    status: read('status', statusList),
  };
}

function statusList(value: unknown): string {
  const text = typeof value === 'number' || value instanceof WrittenNumber ? String(value) : value;
  const status = matching('check.status', text, STATUS, 'a status such as 200 or 200-399 or 200,204');
  const backwards = status.split(',').find((part) => Number(part.slice(0, 3)) > Number(part.slice(-3)));
  if (backwards !== undefined) {
    throw new BadValue(`check.status holds the range "${backwards}": write the lower one first`);
  }
  return status;
}

function readTimeouts(value: unknown): Partial<Record<TimeoutName, string>> {
  const entries = [...object('timeouts', value)].filter(([, v]) => v !== null);
  return Object.fromEntries(
    entries
      .map(
        ([name, v]) =>
          [oneOf('a name in timeouts', name, TIMEOUTS), duration(`timeouts.${name}`, v)] as const,
      )
      .sort(([a], [b]) => TIMEOUTS.indexOf(a) - TIMEOUTS.indexOf(b)),
  );
}

/**
 * A HAProxy duration with its unit. A bare number is milliseconds, as HAProxy takes it; from 3.2 on it warns of a small
 * one without a unit.
 */
function duration(name: string, value: unknown): string {
  const text = typeof value === 'number' || value instanceof WrittenNumber ? String(value) : value;
  const found = matching(name, text, DURATION, 'a duration such as 500ms, 2s or 5m');
  const [, count = '', unit = 'ms'] = DURATION.exec(found) ?? [];
  const milliseconds = Number(count) * (MILLISECONDS[unit] ?? 1);
  if (milliseconds < 1 || milliseconds > LONGEST) {
    throw new BadValue(`${name} must be from 1ms to 24d, found "${found}"`);
  }
  return count + unit;
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)];
}
