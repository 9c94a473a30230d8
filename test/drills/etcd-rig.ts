import type { Source } from '../../src/ports/source.ts';
import type { EtcdSourceOptions } from '../../src/sources/etcd-options.ts';
import { etcdSource } from '../../src/sources/etcd-source.ts';
import { sameAsFreshRead } from '../support/believed.ts';
import type { TestEtcd } from '../support/etcd.ts';
import { waitFor } from '../support/haproxy.ts';
import { SourceRecorder } from '../support/source-recorder.ts';
import type { DrillResult } from './drill.ts';
import { within } from './rig.ts';

/** Where a quorum lives, from the fault on. */
export const QUORUM_LIMIT = 4_000;
/** From the moment on in which the store is healthy. */
export const HEALTHY_LIMIT = 1_000;

/** The promise of `QUORUM_LIMIT`. */
export const IN_QUORUM = 'within 4 s of the fault; equals a fresh read, nothing twice';
/** The promise of `HEALTHY_LIMIT`. */
export const WHEN_HEALTHY = 'within 1 s of a healthy store; equals a fresh read, nothing twice';

type Options = Partial<EtcdSourceOptions> & Pick<EtcdSourceOptions, 'endpoints'>;

/** A source of etcd that is followed. */
export interface Following extends AsyncDisposable {
  readonly seen: SourceRecorder;
  /** The same by another way. */
  sourceBy(endpoint: string): Source;
}

/** Follows etcd; does not wait. */
export function follow(options: Options): Following {
  const source = (endpoints: readonly string[]) =>
    etcdSource({ prefixes: ['/services', '/routes'], index: 0, ...options, endpoints });
  const seen = new SourceRecorder(source(options.endpoints));
  return { seen, sourceBy: (endpoint) => source([endpoint]), [Symbol.asyncDispose]: () => seen.stop() };
}

/** Follows etcd and waits until it is live. */
export async function followLive(...args: Parameters<typeof follow>): Promise<Following> {
  const following = follow(...args);
  await following.seen.until(() => following.seen.states.includes('live'));
  return following;
}

/** Some keys to begin with. */
export async function seed(etcd: TestEtcd, count = 50): Promise<void> {
  await Promise.all(
    Array.from({ length: count }, (_, n) => etcd.put(`/services/s${n % 7}/i${n}`, `10.0.0.1:${n + 1}`)),
  );
}

let marks = 0;

/**
 * The end of a drill: `etcd` is written to at once, and again until it takes it; what was written must arrive within
 * `limit` of `since`, the believed tree must be what a fresh full read gives, and no event may have come twice.
 */
export async function healed(
  { seen, sourceBy }: Following,
  {
    etcd,
    since,
    limit,
  }: { readonly etcd: TestEtcd; readonly since: number | (() => number); readonly limit: number },
): Promise<DrillResult> {
  const key = `/services/mark/m${++marks}`;
  let arrived = 0;
  const arrival = seen
    .until(() => seen.tree.has(key) && seen.states.at(-1) === 'live', 'the mark')
    .then(() => {
      arrived = performance.now();
    });
  await Promise.all([written(etcd, key), arrival]);
  const ms = arrived - (typeof since === 'number' ? since : since());
  await sameAsFreshRead(seen, sourceBy(etcd.endpoint));
  return { ms: within(ms, limit, 'the mark') };
}

/** Writes a key until etcd takes it: then it is healthy. */
export async function written(etcd: TestEtcd, key = '/services/mark/first'): Promise<void> {
  const put = () =>
    etcd.client
      .put(key)
      .value('v')
      .options({ deadline: Date.now() + 700 });
  await waitFor(
    () =>
      put().then(
        () => true,
        () => false,
      ),
    { timeout: 20_000, what: 'an etcd that takes a key' },
  );
}

/** The words of the last error that was told. */
export function lastError({ seen }: Following): string {
  const told = seen.events.findLast((event) => event.kind === 'state' && event.error !== undefined);
  return told?.kind === 'state' ? (told.error?.message ?? '') : '';
}

/** Runs `start` while a random place is always the first one: the source begins at its first endpoint. */
export function atFirstEndpoint<T>(start: () => T): T {
  const { random } = Math;
  Math.random = () => 0;
  try {
    return start();
  } finally {
    Math.random = random;
  }
}
