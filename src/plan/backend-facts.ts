import type { Reason, ServerCommand } from './plan.ts';
import type { Balance } from './proxy.ts';
import type { RuntimeAbilities } from './runtime-version.ts';

/** What the rules look at for each server of a backend. */
export interface BackendFacts {
  readonly backend: string;
  readonly balance: Balance;
  /** Lines that stand against arrivals and removals, and against new addresses. */
  readonly hinders: { readonly change: readonly string[]; readonly address: readonly string[] };
  readonly abilities: RuntimeAbilities;
}

/** A reason whose section is known to the caller. */
export type ServerReason = Omit<Reason, 'section' | 'about'>;

/** What one server needs: commands, and with reasons none of them. */
export interface Judged {
  readonly commands: readonly ServerCommand[];
  readonly reasons: readonly ServerReason[];
}
