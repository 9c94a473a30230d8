import type { InstanceCounts, ServicesJson } from './services-view.ts';

/** How HAProxy has an instance: `missing` where it does not. Drained are those of weight 0, too. */
export const SERVER_STATES = ['up', 'down', 'drain', 'maint', 'unchecked', 'missing'] as const;

/** How many instances are in which state. */
export type ServerCounts = Record<(typeof SERVER_STATES)[number], number>;

/** Under this, which is no service's name, the services stand together that have no series of their own. */
const THE_OTHERS = '*';

/** What the metrics say of the servers. */
export interface ServersByService {
  readonly all: ServerCounts;
  /** Services with instances, none of which gets anything. 0 where HAProxy cannot be asked. */
  readonly servicesDown: number;
  /** The first `most` services by name, and the others together where there are any. */
  readonly services: ReadonlyMap<string, ServerCounts>;
}

/** Counts instances by how HAProxy has them, of each service and of all; whatever is written to the store, the number of rows is bounded. */
export function serversByService(
  found: Pick<ServicesJson, 'services' | 'counts'> | undefined,
  most: number,
): ServersByService {
  const services = new Map<string, ServerCounts>();
  const all = noServers();
  let servicesDown = 0;
  for (const [at, { name, counts }] of (found?.services ?? []).entries()) {
    const key = at < most ? name : THE_OTHERS;
    const own = services.get(key) ?? noServers();
    services.set(key, own);
    for (const state of SERVER_STATES) {
      const count = countOf(counts, state);
      own[state] += count;
      all[state] += count;
    }
    servicesDown += isDown(counts) ? 1 : 0;
  }
  return { all, servicesDown, services };
}

function noServers(): ServerCounts {
  return { up: 0, down: 0, drain: 0, maint: 0, unchecked: 0, missing: 0 };
}

function countOf(counts: InstanceCounts, state: (typeof SERVER_STATES)[number]): number {
  return state === 'missing' ? counts.notRunning : counts[state];
}

/** Not what is only drained: that has been done on purpose. */
function isDown({ instances, running, notRunning, up, unchecked, drain, maint }: InstanceCounts): boolean {
  const isSeen = running + notRunning > 0;
  return isSeen && instances > 0 && up + unchecked === 0 && drain + maint < instances;
}
