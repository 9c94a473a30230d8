import type { GuardParts } from '../reconcile/trees.ts';
import type { Settings } from '../settings/settings.ts';
import { believedFiles } from '../state/believed-files.ts';

/** The guard and the cache, as the settings say. With `cache: any` it may be of any age. */
export function guardOf(settings: Settings, cache: 'fresh' | 'any'): GuardParts {
  const { guard, stateDir } = settings;
  const { wait, maxAge } = settings.cache;
  return {
    rules: guard,
    cache: { wait, maxAge: cache === 'any' ? Number.POSITIVE_INFINITY : maxAge },
    store: believedFiles({ stateDir, origin: originOf(settings) }),
  };
}

/** Where a tree comes from: the sources in their order and the prefixes; not who asks, nor how. */
export function originOf({ sources, prefixes }: Pick<Settings, 'sources' | 'prefixes'>): string {
  const from = sources.map((one) =>
    one.kind === 'etcd' ? { etcd: one.endpoints.toSorted() } : { file: one.path },
  );
  const { services, routes, keys } = prefixes;
  return JSON.stringify({ from, services, routes, keys });
}
