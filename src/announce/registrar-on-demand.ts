import type { Registrar, RegistrarState } from './registrar.ts';
import type { Registration } from './registration.ts';

const NOTHING: RegistrarState = {
  registered: [],
  lease: null,
  awaySince: null,
  held: new Map(),
  refused: new Map(),
};

/**
 * A registrar that begins with the first set that is wanted: before anything is known, the lease of an earlier life is not
 * renewed. After the reboot of a host whose engine does not come up, what ran before goes with its lease.
 */
export function registrarOnDemand(open: () => Registrar): Registrar {
  let opened: Registrar | null = null;
  return {
    want(registrations: readonly Registration[]) {
      opened ??= open();
      return opened.want(registrations);
    },
    get state() {
      return opened?.state ?? NOTHING;
    },
    async close(of) {
      await opened?.close(of);
    },
  };
}
