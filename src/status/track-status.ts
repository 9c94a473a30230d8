import type { Counts, Emit, EventOf, PassEvent, PointsmanEvent } from '../events.ts';
import type { ServerSetByHand } from '../events-haproxy.ts';
import { describeEvent } from './describe-event.ts';
import { missingFor } from './readiness.ts';
import { hashOf, isThere, type SourceStatus, type Status } from './status.ts';

/** A status that follows the events. */
export interface StatusTracker {
  readonly listener: Emit;
  /** The state now. */
  current(): Status;
}

type Draft = Omit<Status, 'missing'>;

const NO_COUNTS: Counts = { keys: 0, services: 0, instances: 0, routes: 0, rejected: 0, ignored: 0 };

/** Keeps the status. `now` gives milliseconds since 1970. */
export function trackStatus(options: {
  readonly version: string;
  readonly now: () => number;
}): StatusTracker {
  let draft: Draft = {
    version: options.version,
    startedAt: options.now(),
    life: 'starting',
    mode: '',
    target: '',
    template: { path: '', error: null },
    settings: { path: null, error: null, restart: [] },
    sources: [],
    counts: NO_COUNTS,
    hashes: { raw: null, believed: null, served: null, text: null },
    applied: { kind: 'unknown' },
    pending: null,
    ahead: null,
    rejected: new Map(),
    remarks: [],
    massClaims: [],
    quarantined: new Map(),
    kept: new Map(),
    held: new Map(),
    setByHand: new Map(),
    cache: null,
    lastPass: null,
    lastApply: null,
    passes: [],
    ledgerError: null,
    lastError: null,
    lastHandEdit: null,
    haproxy: { kind: 'unknown' },
    judge: { version: null, trouble: null },
    paused: null,
    rollback: null,
  };
  return {
    listener: (event) => {
      const at = options.now();
      const change = CHANGES[event.kind] as Change<PointsmanEvent> | undefined;
      draft = { ...draft, ...change?.(event, draft, at) };
      const { level, message } = describeEvent(event);
      if (level === 'error') {
        draft = { ...draft, lastError: { at, event: event.kind, message } };
      }
    },
    current: () => ({ ...draft, missing: missingFor(draft) }),
  };
}

/** What an event changes: the new values of some fields. */
type Change<E> = (event: E, status: Draft, at: number) => Partial<Draft>;

const CHANGES: { readonly [K in PointsmanEvent['kind']]?: Change<EventOf<K>> } = {
  starting: ({ mode, target, template, settings = null, sources }, _, at) => ({
    mode,
    target,
    template: { path: template, error: null },
    settings: { path: settings, error: null, restart: [] },
    sources: sources.map((name) => newSource(name, at)),
  }),
  started: () => ({ life: 'running' }),
  stopping: () => ({ life: 'stopping' }),
  stopped: () => ({ life: 'stopping' }),
  crashed: () => ({ life: 'stopping' }),
  paused: ({ until, by }) => ({ paused: { until, by } }),
  resumed: () => ({ paused: null }),
  rollback: ({ kind: _, ...rollback }) => ({ rollback }),
  'rollback-over': () => ({ rollback: null }),
  'settings-read': ({ restart }, { settings }) => ({ settings: { ...settings, restart } }),
  'settings-refused': ({ message }, { settings }) => ({ settings: { ...settings, error: message } }),
  'settings-mended': (_, { settings }) => ({ settings: { ...settings, error: null } }),
  'ledger-failed': ({ message }) => ({ ledgerError: message }),
  'ledger-mended': () => ({ ledgerError: null }),
  ahead: (_, __, at) => ({ ahead: { since: at } }),
  'ahead-over': () => ({ ahead: null }),
  'source-state': changeSource,
  'source-data': changeSource,
  'keys-rejected': (event, { rejected }) => ({
    rejected: withThese(rejected, event.rejected, ({ key }) => key),
  }),
  'rejections-gone': ({ keys }, { rejected }) => ({ rejected: without(rejected, keys) }),
  'keys-kept': (event, { kept }) => ({ kept: withThese(kept, event.kept, ({ key }) => key) }),
  'kept-over': ({ keys }, { kept }) => ({ kept: without(kept, keys) }),
  remarks: ({ remarks }) => ({ remarks }),
  'mass-claims': ({ claims }) => ({ massClaims: claims }),
  'keys-held': (event, { held }) => ({ held: withThese(held, event.held, ({ key }) => key) }),
  'keys-let-go': ({ keys }, { held }) => ({
    held: without(
      held,
      keys.map(({ key }) => key),
    ),
  }),
  'set-by-hand': ({ server }, { setByHand }) => ({ setByHand: withThese(setByHand, [server], placeOf) }),
  'set-by-hand-over': ({ server }, { setByHand }) => ({ setByHand: without(setByHand, [placeOf(server)]) }),
  'hand-edit': ({ kept }, _, at) => ({ lastHandEdit: { at, kept } }),
  'cache-served': ({ ageMs }, _, at) => ({ cache: { freshAt: at - ageMs } }),
  'cache-over': () => ({ cache: null }),
  quarantined: ({ units }, { quarantined }) => ({
    quarantined: withThese(quarantined, units, ({ unit }) => unit),
  }),
  'quarantine-released': ({ units }, { quarantined }) => ({ quarantined: without(quarantined, units) }),
  'template-error': ({ message }, { template }) => ({ template: { ...template, error: message } }),
  'template-mended': (_, { template }) => ({ template: { ...template, error: null } }),
  'judged-by': ({ version, trouble }) => ({ judge: { version, trouble } }),
  pass: changePass,
  'haproxy-away': ({ cause }, { haproxy }, at) => ({
    haproxy: { kind: 'away', cause, since: haproxy.kind === 'away' ? haproxy.since : at },
  }),
  'haproxy-appeared': ({ state }, _, at) => ({ haproxy: { ...state, since: at } }),
  'haproxy-changed': ({ state, verified }, { haproxy }, at) => ({
    haproxy: { ...state, since: isThere(haproxy) ? haproxy.since : at },
    ...(verified === undefined ? {} : { applied: { kind: 'verified', hash: verified } }),
  }),
  'haproxy-drift': ({ found }, { haproxy }) =>
    haproxy.kind === 'running' ? { haproxy: { ...haproxy, mark: found } } : {},
};

function placeOf({ backend, server }: ServerSetByHand): string {
  return `${backend}/${server}`;
}

function withThese<V>(
  map: ReadonlyMap<string, V>,
  more: readonly V[],
  nameOf: (one: V) => string,
): Map<string, V> {
  return new Map([...map, ...more.map((one) => [nameOf(one), one] as const)]);
}

function without<V>(map: ReadonlyMap<string, V>, keys: readonly string[]): Map<string, V> {
  const rest = new Map(map);
  for (const key of keys) {
    rest.delete(key);
  }
  return rest;
}

function newSource(name: string, at: number): SourceStatus {
  return {
    name,
    state: 'connecting',
    error: null,
    since: at,
    refused: [],
    lastData: null,
    keys: 0,
    revision: null,
  };
}

function changeSource(
  event: EventOf<'source-state' | 'source-data'>,
  { sources }: Draft,
  at: number,
): Partial<Draft> {
  const before = sources[event.source] ?? newSource(event.name, at);
  const after: SourceStatus =
    event.kind === 'source-state'
      ? {
          ...before,
          state: event.state,
          error: event.error,
          refused: event.refused ?? [],
          since: before.state === event.state ? before.since : at,
        }
      : { ...before, lastData: at, keys: event.keys, revision: event.revision };
  return { sources: Object.assign([...sources], { [event.source]: after }) };
}

/** So many passes are remembered. */
const MOST_PASSES = 10;

function changePass(event: PassEvent, { applied, passes }: Draft, at: number): Partial<Draft> {
  const { counts, hashes, pending, steps } = event;
  const wasTold = steps.apply !== undefined || steps.reload !== undefined;
  const changed = wasTold || hashOf(event.applied) !== hashOf(applied);
  const lastPass = { ...event, at };
  const lastApply = changed && event.error === null ? { lastApply: lastPass } : {};
  const before = passes.at(-1);
  const again = before?.outcome === event.outcome && before.error === event.error && event.error !== null;
  const says = event.outcome !== 'waiting' && (changed || event.error !== null || event.changes.length > 0);
  const told = says && !again ? { passes: [...passes.slice(1 - MOST_PASSES), lastPass] } : {};
  return { lastPass, counts, hashes, applied: event.applied, pending, ...lastApply, ...told };
}
