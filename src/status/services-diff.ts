import type { DetailedInstance, DetailedServices } from './services-view.ts';

/**
 * In what the daemon differs from what its sources say right now, and HAProxy from the daemon: a line each, sorted by key. `daemon`
 * is null where none runs: then what HAProxy has is compared with the sources alone.
 *
 *     + is registered and not served      - is served and not registered
 *     ~ is served otherwise               ! is served and not in HAProxy
 */
export function servicesDiff(fresh: DetailedServices, daemon: DetailedServices | null): readonly string[] {
  const [registered, served] = [instancesOf(fresh), instancesOf(daemon ?? fresh)];
  const keys = [...new Set([...registered.keys(), ...served.keys()])].sort();
  return keys.flatMap((key) => {
    const [is, has] = [registered.get(key), served.get(key)];
    return [...registration(key, is, has), ...running(key, has)];
  });
}

function instancesOf({ services }: DetailedServices): ReadonlyMap<string, DetailedInstance> {
  return new Map(services.flatMap(({ instances }) => instances.map((one) => [one.key, one] as const)));
}

function registration(key: string, is?: DetailedInstance, has?: DetailedInstance): readonly string[] {
  const [there, served] = [is?.address ?? null, has?.address ?? null];
  if (there === null && served === null) {
    return [];
  }
  if (served === null) {
    const why =
      has === undefined ? 'the daemon does not know it yet' : `the daemon has it ${has.state}: ${has.why}`;
    return [`+ ${key}  ${there}: ${why}`];
  }
  if (there === null || is === undefined || has === undefined) {
    const why =
      has?.state === 'held'
        ? `held (${has.why}) ${has.until === null ? 'until it is back' : `until ${has.until}`}`
        : 'the daemon serves it still';
    const now = is === undefined ? 'it is not registered' : `it is ${is.state}: ${is.why}`;
    return [`- ${key}  ${served}: ${now}; ${why}`];
  }
  const changes = COMPARED.flatMap((field) => {
    const [before, after] = [has[field], is[field]].map(written);
    return before === after ? [] : [`${field} ${before} -> ${after}`];
  });
  const why =
    has.state === 'registered'
      ? 'the daemon does not have it yet'
      : `the daemon has it ${has.state}: ${has.why}`;
  return changes.length === 0 ? [] : [`~ ${key}  ${changes.join(', ')}: ${why}`];
}

const COMPARED = ['address', 'weight', 'maxconn', 'drain', 'backup', 'tags'] as const;

function written(value: unknown): string {
  return typeof value === 'string' ? value : value === null ? 'none' : JSON.stringify(value);
}

function running(key: string, has: DetailedInstance | undefined): readonly string[] {
  return has?.running === false ? [`! ${key}  ${has.address}: it is served, and not in HAProxy`] : [];
}
