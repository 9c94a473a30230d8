import type { AddressRules } from './address-rules.ts';
import type { Prefixes } from './keys.ts';

/** What keys and values are read by: where they stand, and what none of them may ask for. Prefixes alone are none. */
export interface Grammar {
  readonly prefixes: Prefixes;
  /** Which addresses a server may have. @default all */
  readonly addresses?: AddressRules;
  /** The places of the sources in the settings whose addresses these rules are for. @default none */
  readonly ruled?: ReadonlySet<number>;
  /** Ports that no route may claim, with who has them, for people. @default none */
  readonly reservedPorts?: ReadonlyMap<number, string>;
  /** How many hosts times paths a route may ask for: `limits.placesPerService`. @default no limit */
  readonly placesPerService?: number;
}
