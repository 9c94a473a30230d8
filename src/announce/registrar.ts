import type { Registration } from './registration.ts';

/** How what is registered stands. */
export interface RegistrarState {
  /** Keys that stand in the store under our lease, as far as was seen. */
  readonly registered: readonly string[];
  /** In hexadecimal digits, as etcdctl writes it; null before the first. */
  readonly lease: string | null;
  /** Since when the store does not serve us, in milliseconds since 1970; null while it does. */
  readonly awaySince: number | null;
  /** Keys that another owner holds, with who that is. */
  readonly held: ReadonlyMap<string, string>;
  /** Keys that the store does not let us read or write, with why. They are tried again. */
  readonly refused: ReadonlyMap<string, string>;
}

/**
 * Keeps a set of registrations in the store under one lease, whatever happens to the store: what is deleted, lost with a
 * lease or with the store itself is put again. It never says that anything is unwell because the store is away.
 */
export interface Registrar {
  /**
   * The whole set that is to stand in the store from now on; what is not in it any more and is ours is deleted. Until the
   * first call nothing is touched but the lease of an earlier life, which is renewed. Resolves when the store has this set,
   * but for keys that another owner holds or that it refuses, or when it is closed or wanted otherwise; never rejects: it waits for the store.
   */
  want(registrations: readonly Registration[]): Promise<void>;
  readonly state: RegistrarState;
  /**
   * Stops renewing. `leave: true` deletes the keys and revokes the lease, as far as the store answers within 3 s; false
   * leaves both alone for the next start.
   */
  close(of: { readonly leave: boolean }): Promise<void>;
}
