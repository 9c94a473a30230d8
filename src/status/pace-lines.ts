import type { Emit, PointsmanEvent } from '../events.ts';

const SECOND = 1000;
/** Joined lines are cut to this, from the front. */
const MOST_TEXT = 8000;

/** An event that is let through, and how many like it were left out before it. */
export type Write = (event: PointsmanEvent, leftOut: number) => void;

interface Lane {
  timer: NodeJS.Timeout;
  waiting: PointsmanEvent | null;
  leftOut: number;
}

/** Events on their way to the log. Disposing writes what still waits. */
export interface PacedLines extends Disposable {
  readonly listener: Emit;
}

/**
 * Lets at most one event per second and kind through. The first goes at once; of those that come within the
 * second the last one follows at its end with the count of the others, so the final state is never lost.
 * Rejected keys and lines of HAProxy are joined instead of left out.
 */
export function paceLines(write: Write): PacedLines {
  const lanes = new Map<string, Lane>();

  const open = (name: string): void => {
    const timer = setTimeout(() => turn(name), SECOND);
    timer.unref();
    lanes.set(name, { timer, waiting: null, leftOut: 0 });
  };
  const turn = (name: string): void => {
    const lane = lanes.get(name);
    lanes.delete(name);
    if (!lane?.waiting) return;
    open(name);
    write(lane.waiting, lane.leftOut);
  };
  return {
    listener: (event) => {
      const name = laneOf(event);
      const lane = lanes.get(name);
      if (!lane) {
        open(name);
        write(event, 0);
        return;
      }
      const joined = lane.waiting === null ? event : join(lane.waiting, event);
      if (lane.waiting !== null && joined === event) lane.leftOut += 1;
      lane.waiting = joined;
    },
    [Symbol.dispose]: () => {
      for (const lane of lanes.values()) {
        clearTimeout(lane.timer);
        if (lane.waiting) write(lane.waiting, lane.leftOut);
      }
      lanes.clear();
    },
  };
}

/** What hides what: a pass that failed is not hidden by one that went well, nor one source by another. */
function laneOf(event: PointsmanEvent): string {
  if (event.kind === 'pass') return `pass ${event.outcome}`;
  if (event.kind === 'source-state' || event.kind === 'source-data') return `${event.kind} ${event.source}`;
  return event.kind;
}

function join(older: PointsmanEvent, newer: PointsmanEvent): PointsmanEvent {
  if (older.kind === 'keys-rejected' && newer.kind === 'keys-rejected') {
    const byKey = new Map([...older.rejected, ...newer.rejected].map((one) => [one.key, one]));
    return { kind: 'keys-rejected', rejected: [...byKey.values()] };
  }
  if (older.kind === 'rejections-gone' && newer.kind === 'rejections-gone') {
    return { kind: 'rejections-gone', keys: [...new Set([...older.keys, ...newer.keys])] };
  }
  if (older.kind === 'keys-held' && newer.kind === 'keys-held') {
    const byKey = new Map([...older.held, ...newer.held].map((one) => [one.key, one]));
    return { kind: 'keys-held', held: [...byKey.values()] };
  }
  if (older.kind === 'keys-let-go' && newer.kind === 'keys-let-go') {
    const byKey = new Map([...older.keys, ...newer.keys].map((one) => [one.key, one]));
    return { kind: 'keys-let-go', keys: [...byKey.values()] };
  }
  if (older.kind === 'haproxy-log' && newer.kind === 'haproxy-log') {
    return { kind: 'haproxy-log', line: `${older.line}\n${newer.line}`.slice(-MOST_TEXT) };
  }
  return newer;
}
