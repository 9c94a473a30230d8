import { keptIn, type Status } from './status.ts';

/** So many rejected keys are listed; `counts.rejected` has all, and `pointsman services` lists them. */
const SHOWN = 1000;

/** What `/api/status` answers. */
export type StatusJson = ReturnType<typeof statusJson>;

/** What `/api/status` answers: the status with ages in seconds and times as ISO text. `now` and `turned` (the loop's last turn) are milliseconds since 1970. */
export function statusJson(status: Status, now: number, turned: number) {
  const { missing, ...rest } = status;
  const { paused, rollback, ahead, haproxy, sources, cache, hashes, startedAt } = rest;
  const age = (at: number) => Math.max(0, Math.round(now - at) / 1000);
  const dated = <T extends { readonly at: number }>({ at, ...all }: T) => {
    return { at: new Date(at).toISOString(), ageSeconds: age(at), ...all };
  };
  return {
    ready: missing.length === 0,
    missing,
    ...rest,
    paused: paused && { ...paused, until: new Date(paused.until).toISOString() },
    rollback: rollback && {
      ...rollback,
      since: new Date(rollback.since).toISOString(),
      until: rollback.until === null ? null : new Date(rollback.until).toISOString(),
    },
    ahead: ahead && { ageSeconds: age(ahead.since) },
    startedAt: new Date(startedAt).toISOString(),
    uptimeSeconds: age(startedAt),
    loop: { turnAgeSeconds: age(turned) },
    hashes: { ...hashes, running: haproxy.kind === 'running' ? haproxy.mark : null },
    sources: sources.map(({ since, lastData, ...one }) => ({
      ...one,
      stateAgeSeconds: age(since),
      dataAgeSeconds: lastData === null ? null : age(lastData),
    })),
    haproxy: stateOf(haproxy, age),
    stale: cache !== null || sources.some(({ state }) => state === 'stale'),
    cache: cache === null ? null : { ageSeconds: age(cache.freshAt) },
    held: [...status.held.values()]
      .sort((a, b) => (a.key < b.key ? -1 : 1))
      .map(({ since, until, ...one }) => ({
        ...one,
        since: new Date(since).toISOString(),
        ageSeconds: age(since),
        secondsLeft: until === null ? null : Math.max(0, Math.round(until - now) / 1000),
      })),
    setByHand: [...status.setByHand.values()].map(({ since, ...one }) => ({
      ...one,
      since: new Date(since).toISOString(),
      ageSeconds: age(since),
    })),
    quarantined: [...status.quarantined.values()].map(({ since, forms: _, ...one }) => ({
      ...one,
      ageSeconds: age(since),
    })),
    kept: [...keptIn(status)]
      .sort((a, b) => (a.key < b.key ? -1 : 1))
      .slice(0, SHOWN)
      .map(({ since, ...one }) => ({ ...one, since: new Date(since).toISOString(), ageSeconds: age(since) })),
    rejected: [...status.rejected.values()].sort((a, b) => (a.key < b.key ? -1 : 1)).slice(0, SHOWN),
    lastPass: status.lastPass && dated(status.lastPass),
    lastApply: status.lastApply && dated(status.lastApply),
    passes: status.passes.map(dated),
    lastError: status.lastError && dated(status.lastError),
    lastHandEdit: status.lastHandEdit && dated(status.lastHandEdit),
  };
}

/** The same with `state` for its kind, and its age. */
type Named<T extends { readonly kind: string }> = T extends T
  ? Omit<T, 'kind' | 'since'> & { readonly state: T['kind']; readonly ageSeconds: number }
  : never;

function stateOf(haproxy: Status['haproxy'], age: (at: number) => number) {
  if (haproxy.kind === 'unknown') {
    return { state: 'unknown' as const };
  }
  const { kind, since, ...facts } = haproxy;
  return { state: kind, ageSeconds: age(since), ...facts } as Named<
    Exclude<typeof haproxy, { kind: 'unknown' }>
  >;
}
