import type { PointsmanEvent } from '../events.ts';
import { hideSecrets } from '../settings/redact-settings.ts';

/**
 * Takes secrets out of events, so that neither log nor status shows them: HAProxy's own words, the lines of the
 * configuration that it names and the diff of a hand edit may hold what a template wrote.
 */
export function hider(secrets: readonly string[]): (event: PointsmanEvent) => PointsmanEvent {
  if (secrets.length === 0) return (event) => event;
  return (event) => hide(event, secrets);
}

/** Fields whose words are our own: a secret may be one of them. */
const OURS = new Set(['kind', 'outcome', 'state', 'mode']);

function hide<T>(value: T, secrets: readonly string[]): T {
  if (typeof value === 'string') return hideSecrets(value, secrets) as T & string;
  if (Array.isArray(value)) return value.map((one) => hide(one, secrets)) as T & unknown[];
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).map(([name, one]) => [
    name,
    OURS.has(name) ? one : hide(one, secrets),
  ]);
  return Object.fromEntries(fields) as T;
}
