import type { ReadEntry } from '../model/read-entry.ts';

/** What is counted together. */
export type Group = `service ${string}` | 'routes' | 'keys';

/** What a key is to the guard. Keys that never reach a template are nothing to it. */
export interface Counted {
  readonly group: Group;
  /** What an instance is of, and where: null for routes and free keys. */
  readonly service: string | null;
  readonly host: string | null;
  readonly address: string | null;
}

const ROUTE: Counted = { group: 'routes', service: null, host: null, address: null };
const FREE: Counted = { ...ROUTE, group: 'keys' };

/** What an entry counts as, by what is served of it; null where it counts for nothing. A route whose value is refused is there all the same. */
export function countedAs({ form: { meaning } }: ReadEntry): Counted | null {
  switch (meaning.kind) {
    case 'instance': {
      const { service } = meaning.role;
      const { host, address } = meaning.instance;
      return { group: `service ${service}`, service, host, address };
    }
    case 'route':
      return ROUTE;
    case 'text':
      return FREE;
    case 'refused':
      return meaning.by === 'value' && meaning.role.kind === 'route' ? ROUTE : null;
    case 'nothing':
    case 'threw':
      return null;
  }
}

/** Whether a group is a service. */
export function isService(group: Group): boolean {
  return group.startsWith('service ');
}
