import type { PointsmanEvent } from '../events.ts';
import { describeEvent } from './describe-event.ts';
import { isHaproxyLine, type LogLine, levelOfHaproxyLine } from './log-line.ts';

/** Events whose sentence may quote HAProxy. */
const QUOTING = new Set<PointsmanEvent['kind']>([
  'check-refused',
  'check-warned',
  'check-broken',
  'preflight-failed',
  'reload-failed',
  'haproxy-away',
]);

const MOST = 50;

/**
 * An event as lines of the log: mostly one. What HAProxy said is a line each, as loud as HAProxy has it; `part` numbers
 * the lines after the first. A pass tells the first line of its error, for the rest was told before it.
 */
export function describeLines(event: PointsmanEvent): readonly LogLine[] {
  if (event.kind === 'haproxy-log') {
    const words = event.line.split('\n').filter((line) => line.trim() !== '');
    return words.map((line) => ({
      level: levelOfHaproxyLine(line),
      message: `haproxy: ${line}`,
      fields: {},
    }));
  }
  const whole = describeEvent(event);
  if (event.kind === 'pass') {
    return [{ ...whole, message: whole.message.split('\n')[0] ?? '' }];
  }
  if (!QUOTING.has(event.kind)) {
    return [whole];
  }
  const [first = '', ...rest] = whole.message.split('\n').filter((line) => line.trim() !== '');
  const shown = rest.slice(0, MOST).map((line, index) => ({
    level: isHaproxyLine(line) ? levelOfHaproxyLine(line) : whole.level,
    message: line,
    fields: { part: index + 2 },
  }));
  const left = rest.length - shown.length;
  const note = { level: whole.level, message: `… and ${left} more lines`, fields: { part: MOST + 2 } };
  return [{ ...whole, message: first }, ...shown, ...(left > 0 ? [note] : [])];
}
