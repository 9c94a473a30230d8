import type { PointsmanEvent } from '../events.ts';
import { visibleLines } from '../model/visible.ts';
import { hideSecrets } from '../settings/redact-settings.ts';

/**
 * Makes events fit to be told, for log and status alike: takes secrets out of them (HAProxy's own words, the lines of
 * the configuration that it names and the diff of a hand edit may hold what a template wrote), and escapes whatever a
 * person would not see as what it is, whoever wrote it.
 * `secrets` is asked anew for each event: settings change.
 */
export function hider(secrets: () => readonly string[]): (event: PointsmanEvent) => PointsmanEvent {
  return (event) => hide(event, secrets());
}

/** Fields whose words are our own: a secret may be one of them. */
const OURS = new Set(['kind', 'outcome', 'state', 'mode']);

function hide<T>(value: T, secrets: readonly string[]): T {
  if (typeof value === 'string') {
    return visibleLines(hideSecrets(value, secrets)) as T & string;
  }
  if (Array.isArray(value)) {
    return value.map((one) => hide(one, secrets)) as T & unknown[];
  }
  if (typeof value !== 'object' || value === null) {
    return value;
  }
  const fields = Object.entries(value).map(([name, one]) => [
    name,
    OURS.has(name) ? one : hide(one, secrets),
  ]);
  return Object.fromEntries(fields) as T;
}
