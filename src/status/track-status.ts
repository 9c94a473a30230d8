import type { Counts, Emit, PassEvent, PointsmanEvent } from '../events.ts';
import { describeEvent } from './describe-event.ts';
import { missingFor } from './readiness.ts';
import { hashOf, type SourceStatus, type Status } from './status.ts';

/** A status that follows the events. */
export interface StatusTracker {
  readonly listener: Emit;
  /** The state now. */
  current(): Status;
}

type Draft = { -readonly [K in keyof Omit<Status, 'missing'>]: Status[K] };

const NO_COUNTS: Counts = { keys: 0, services: 0, instances: 0, routes: 0, rejected: 0, ignored: 0 };

/** Keeps the status. `now` gives milliseconds since 1970. */
export function trackStatus(options: {
  readonly version: string;
  readonly now: () => number;
}): StatusTracker {
  const draft: Draft = {
    version: options.version,
    startedAt: options.now(),
    life: 'starting',
    mode: '',
    target: '',
    template: { path: '', error: null },
    sources: [],
    counts: NO_COUNTS,
    hashes: { raw: null, believed: null, text: null },
    applied: { kind: 'unknown' },
    pending: null,
    ahead: null,
    rejected: new Map(),
    remarks: [],
    quarantined: new Map(),
    held: new Map(),
    cache: null,
    lastPass: null,
    lastApply: null,
    lastError: null,
    haproxy: { kind: 'unknown' },
    judge: { version: null, trouble: null },
    paused: null,
  };
  return {
    listener: (event) => {
      const at = options.now();
      update(draft, event, at);
      const line = describeEvent(event);
      if (line.level === 'error') {
        draft.lastError = { at, event: event.kind, message: line.message };
      }
    },
    current: () => ({ ...draft, missing: missingFor(draft) }),
  };
}

function update(draft: Draft, event: PointsmanEvent, at: number): void {
  switch (event.kind) {
    case 'starting':
      draft.mode = event.mode;
      draft.target = event.target;
      draft.template = { path: event.template, error: null };
      draft.sources = event.sources.map((name) => newSource(name, at));
      return;
    case 'started':
      draft.life = 'running';
      return;
    case 'stopping':
    case 'stopped':
    case 'crashed':
      draft.life = 'stopping';
      return;
    case 'paused':
      draft.paused = { until: event.until, by: event.by };
      return;
    case 'resumed':
      draft.paused = null;
      return;
    case 'ahead':
      draft.ahead = { since: at };
      return;
    case 'ahead-over':
      draft.ahead = null;
      return;
    case 'source-state':
    case 'source-data':
      updateSource(draft, event, at);
      return;
    case 'keys-rejected':
      draft.rejected = new Map([...draft.rejected, ...event.rejected.map((one) => [one.key, one] as const)]);
      return;
    case 'remarks':
      draft.remarks = event.remarks;
      return;
    case 'rejections-gone':
      draft.rejected = without(draft.rejected, event.keys);
      return;
    case 'keys-held':
      draft.held = new Map([...draft.held, ...event.held.map((one) => [one.key, one] as const)]);
      return;
    case 'keys-let-go':
      draft.held = without(
        draft.held,
        event.keys.map(({ key }) => key),
      );
      return;
    case 'cache-served':
      draft.cache = { freshAt: at - event.ageMs };
      return;
    case 'cache-over':
      draft.cache = null;
      return;
    case 'quarantined':
      draft.quarantined = new Map([
        ...draft.quarantined,
        ...event.units.map((one) => [one.unit, one] as const),
      ]);
      return;
    case 'quarantine-released':
      draft.quarantined = without(draft.quarantined, event.units);
      return;
    case 'template-error':
      draft.template = { ...draft.template, error: event.message };
      return;
    case 'template-mended':
      draft.template = { ...draft.template, error: null };
      return;
    case 'judged-by':
      draft.judge = { version: event.version, trouble: event.trouble };
      return;
    case 'pass':
      updatePass(draft, event, at);
      return;
    default:
      updateHaproxy(draft, event, at);
  }
}

function without<V>(map: ReadonlyMap<string, V>, keys: readonly string[]): Map<string, V> {
  const rest = new Map(map);
  for (const key of keys) {
    rest.delete(key);
  }
  return rest;
}

function newSource(name: string, at: number): SourceStatus {
  return { name, state: 'connecting', error: null, since: at, lastData: null, keys: 0, revision: null };
}

type SourceEvent = Extract<PointsmanEvent, { kind: 'source-state' | 'source-data' }>;

function updateSource(draft: Draft, event: SourceEvent, at: number): void {
  const before = draft.sources[event.source] ?? newSource(event.name, at);
  const after: SourceStatus =
    event.kind === 'source-state'
      ? {
          ...before,
          state: event.state,
          error: event.error,
          since: before.state === event.state ? before.since : at,
        }
      : { ...before, lastData: at, keys: event.keys, revision: event.revision };
  draft.sources = Object.assign([...draft.sources], { [event.source]: after });
}

function updatePass(draft: Draft, event: PassEvent, at: number): void {
  const changed = hashOf(event.applied) !== hashOf(draft.applied) || event.steps.reload !== undefined;
  draft.lastPass = { ...event, at };
  draft.counts = event.counts;
  draft.hashes = event.hashes;
  draft.applied = event.applied;
  draft.pending = event.pending;
  if (changed && event.error === null) {
    draft.lastApply = { ...event, at };
  }
}

function updateHaproxy(draft: Draft, event: PointsmanEvent, at: number): void {
  const before = draft.haproxy;
  if (event.kind === 'haproxy-away') {
    draft.haproxy = { kind: 'away', cause: event.cause, since: before.kind === 'away' ? before.since : at };
  } else if (event.kind === 'haproxy-appeared' || event.kind === 'haproxy-changed') {
    const goesOn =
      event.kind === 'haproxy-changed' && (before.kind === 'unseen' || before.kind === 'running');
    draft.haproxy = { ...event.state, since: goesOn ? before.since : at };
  } else if (event.kind === 'haproxy-drift' && before.kind === 'running') {
    draft.haproxy = { ...before, mark: event.found };
  }
}
