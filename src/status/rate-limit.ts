import type { Emit, PointsmanEvent } from '../events.ts';

const SECOND = 1000;
/** Joined lines are cut to this, from the front. */
const MOST_TEXT = 8000;
/** Beyond so many lanes notices share one: else a flood of different ones would be no less of a flood. */
const MOST_LANES = 100;

/** An event that is let through, and how many like it were left out before it. */
export type Write = (event: PointsmanEvent, leftOut: number) => void;

interface Lane {
  timer: NodeJS.Timeout;
  waiting: PointsmanEvent | null;
  /** Which of all events it is. */
  number: number;
  leftOut: number;
}

/** Events on their way to the log. Disposing writes what still waits. */
export interface RateLimited extends Disposable {
  readonly listener: Emit;
}

/**
 * Lets at most one event per second and kind through. The first goes at once; of those that come within the
 * second the last one follows at its end with the count of the others, so the final state is never lost.
 * Rejected keys and lines of HAProxy are joined instead of left out. What is about the same thing comes in its
 * order: nothing that waited is written behind what made it untrue.
 */
export function limitRate(write: Write): RateLimited {
  const lanes = new Map<string, Lane>();

  let number = 0;

  const open = (name: string): void => {
    clearTimeout(lanes.get(name)?.timer);
    const timer = setTimeout(() => turn(name), SECOND);
    timer.unref();
    lanes.set(name, { timer, waiting: null, number, leftOut: 0 });
  };
  const turn = (name: string): void => {
    const lane = lanes.get(name);
    if (lane?.waiting) {
      flush(lane.number, topicOf(lane.waiting));
    } else {
      lanes.delete(name);
    }
  };
  /** Writes what waits up to this event, of one topic or of all. */
  const flush = (upTo: number, topic?: string): void => {
    const due = [...lanes].filter(
      ([, { waiting, number: at }]) =>
        waiting !== null && at <= upTo && (topic === undefined || topicOf(waiting) === topic),
    );
    for (const [name, { waiting, leftOut }] of due.sort(([, a], [, b]) => a.number - b.number)) {
      open(name);
      if (waiting) {
        write(waiting, leftOut);
      }
    }
  };
  return {
    listener: (event) => {
      number += 1;
      if (ENDS.has(event.kind)) {
        flush(number);
      }
      const own = laneOf(event);
      const name = lanes.size < MOST_LANES || lanes.has(own) ? own : event.kind;
      const lane = lanes.get(name);
      if (!lane) {
        flush(number, topicOf(event));
        open(name);
        write(event, 0);
        return;
      }
      const joined = lane.waiting === null ? event : join(lane.waiting, event);
      if (lane.waiting !== null && joined === event) {
        lane.leftOut += 1;
      }
      lane.waiting = joined;
      lane.number = number;
    },
    [Symbol.dispose]: () => {
      flush(number);
      for (const { timer } of lanes.values()) {
        clearTimeout(timer);
      }
      lanes.clear();
    },
  };
}

/** After these nothing may come that was before. */
const ENDS = new Set<PointsmanEvent['kind']>(['stopped', 'crashed']);

const TOPICS: Readonly<Partial<Record<PointsmanEvent['kind'], string>>> = {
  'keys-rejected': 'rejected keys',
  'rejections-gone': 'rejected keys',
  'keys-kept': 'kept keys',
  'kept-over': 'kept keys',
  'keys-held': 'held keys',
  'keys-let-go': 'held keys',
  quarantined: 'quarantine',
  'quarantine-released': 'quarantine',
  'cache-served': 'cache',
  'cache-over': 'cache',
  'template-error': 'template',
  'template-mended': 'template',
  'settings-read': 'settings',
  'settings-refused': 'settings',
  'settings-mended': 'settings',
  paused: 'pause',
  resumed: 'pause',
  rollback: 'rollback',
  'rollback-over': 'rollback',
  ahead: 'ahead',
  'ahead-too-long': 'ahead',
  'ahead-over': 'ahead',
  'haproxy-away': 'haproxy',
  'haproxy-appeared': 'haproxy',
  'haproxy-changed': 'haproxy',
  'haproxy-exited': 'haproxy',
};

/** What an event is about: what comes later may make it untrue. */
function topicOf({ kind }: PointsmanEvent): string {
  return TOPICS[kind] ?? kind;
}

/** What hides what: a pass that failed is not hidden by one that went well, nor one source by another. */
function laneOf(event: PointsmanEvent): string {
  if (event.kind === 'pass') {
    return `pass ${event.outcome}`;
  }
  if (event.kind === 'source-state' || event.kind === 'source-data') {
    return `${event.kind} ${event.source}`;
  }
  // Each may say something else, and be said once.
  return event.kind === 'notice' ? `notice ${event.message}` : event.kind;
}

function join(older: PointsmanEvent, newer: PointsmanEvent): PointsmanEvent {
  if (older.kind === 'keys-rejected' && newer.kind === 'keys-rejected') {
    return { ...newer, rejected: byKey(older.rejected, newer.rejected) };
  }
  if (older.kind === 'settings-read' && newer.kind === 'settings-read') {
    return { ...newer, applied: [...new Set([...older.applied, ...newer.applied])] };
  }
  if (older.kind === 'keys-remarked' && newer.kind === 'keys-remarked') {
    return { ...newer, remarks: [...older.remarks, ...newer.remarks] };
  }
  if (older.kind === 'addresses-taken' && newer.kind === 'addresses-taken') {
    return { ...newer, claims: [...older.claims, ...newer.claims] };
  }
  if (older.kind === 'rejections-gone' && newer.kind === 'rejections-gone') {
    return { ...newer, keys: [...new Set([...older.keys, ...newer.keys])] };
  }
  if (older.kind === 'keys-kept' && newer.kind === 'keys-kept') {
    return { ...newer, kept: byKey(older.kept, newer.kept) };
  }
  if (
    (older.kind === 'kept-over' && newer.kind === 'kept-over') ||
    (older.kind === 'kept-too-long' && newer.kind === 'kept-too-long')
  ) {
    return { ...newer, keys: [...new Set([...older.keys, ...newer.keys])] };
  }
  if (older.kind === 'keys-held' && newer.kind === 'keys-held') {
    return { ...newer, held: byKey(older.held, newer.held) };
  }
  if (older.kind === 'keys-let-go' && newer.kind === 'keys-let-go') {
    return { ...newer, keys: byKey(older.keys, newer.keys) };
  }
  if (older.kind === 'haproxy-log' && newer.kind === 'haproxy-log') {
    return { ...newer, line: `${older.line}\n${newer.line}`.slice(-MOST_TEXT) };
  }
  return newer;
}

function byKey<T extends { readonly key: string }>(older: readonly T[], newer: readonly T[]): T[] {
  return [...new Map([...older, ...newer].map((one) => [one.key, one])).values()];
}
