import type { Entry } from '../model/entry.ts';
import { parseInstance } from '../model/instance-value.ts';
import { classifyKey, type Prefixes } from '../model/keys.ts';

/** What a key is to the guard. Keys that never reach a template are nothing to it. */
export interface Guarded {
  /** What is counted together: `service web`, `routes`, `keys`. */
  readonly group: string;
  /** Null for routes and free keys. */
  readonly service: string | null;
  readonly id: string | null;
  readonly address: string | null;
  readonly host: string | null;
}

/** Says what a key is to the guard; null where it counts for nothing. */
export type Classify = (entry: Entry) => Guarded | null;

const ROUTE: Guarded = { group: 'routes', service: null, id: null, address: null, host: null };
const FREE: Guarded = { ...ROUTE, group: 'keys' };

/** The classifier for the prefixes of the settings: a pure function of the entry. */
export function classifier(prefixes: Prefixes): Classify {
  return (entry) => {
    if (entry.refused !== undefined || entry.value === '' || entry.key.endsWith('/')) {
      return null;
    }
    const role = classifyKey(entry.key, prefixes);
    switch (role.kind) {
      case 'route':
        return ROUTE;
      case 'free':
        return FREE;
      case 'udp':
      case 'wrong':
        return null;
      case 'instance': {
        const parsed = parseInstance(entry.key, role.id, entry.value);
        if (parsed.kind !== 'good') {
          return null;
        }
        const { address, host } = parsed.value;
        return { group: `service ${role.service}`, service: role.service, id: role.id, address, host };
      }
    }
  };
}
