import { randomUUID } from 'node:crypto';
import type { EtcdAccess } from './etcd-link.ts';
import { openEtcdRegistrar } from './etcd-registrar.ts';
import type { Tell } from './events.ts';
import type { LeaseFile } from './lease-file.ts';
import type { RegistrarState } from './registrar.ts';

export interface ElectionOptions {
  readonly access: EtcdAccess;
  /** The key that whoever leads has, under a lease. */
  readonly key: string;
  /** Seconds of that lease: so long after the end of one another takes its place. */
  readonly ttl: number;
  /** Who this is, for people. */
  readonly name: string;
  /** Is told what the store does, but not of the key. */
  readonly tell: Tell;
}

/** One of several that stand for election. */
export interface Election {
  /** Whether this one leads. It does not any more when the store has not served it for as long as the lease. */
  readonly leads: boolean;
  /** Who does, as far as is known. */
  readonly leader: string | null;
  readonly state: RegistrarState;
  /** Gives the place up. */
  close(): Promise<void>;
}

/** Each life is another candidate: what a crash left runs out by its lease. */
const NO_FILE: LeaseFile = {
  read: async () => null,
  write: async () => undefined,
  remove: async () => undefined,
};
/** What the keeper of the one key tells, and nobody has to hear. */
const OF_THE_KEY = new Set([
  'registered',
  'deregistered',
  'held-by-other',
  'lease-held',
  'lease-lost',
  'lease-renewed',
]);

/**
 * Stands for election in etcd: whoever puts the key first has it until its lease ends, and the others wait for that. The
 * keeper of registrations does all of it: the key is one that each of them would put, as an owner of its own.
 */
export function standForElection({ access, key, ttl, name, tell }: ElectionOptions): Election {
  const owner = `${name}/${randomUUID()}`;
  const prefix = key.slice(0, Math.max(1, key.lastIndexOf('/')));
  const keeper = openEtcdRegistrar({
    access,
    prefix,
    ttl,
    adopt: false,
    leaseFile: NO_FILE,
    tell: (event) => {
      if (!OF_THE_KEY.has(event.kind)) {
        tell(event);
      }
    },
  });
  void keeper.wantKeys([{ key, owner, value: JSON.stringify({ meta: { owner } }) }]);
  return {
    get leads() {
      const { registered, awaySince } = keeper.state;
      return registered.includes(key) && (awaySince === null || Date.now() - awaySince < ttl * 1000);
    },
    get leader() {
      return this.leads ? owner : (keeper.state.held.get(key)?.replace(/^the owner /, '') ?? null);
    },
    get state() {
      return keeper.state;
    },
    close: () => keeper.close({ leave: true }),
  };
}
