import type { Remark } from './remarks.ts';
import type { MassClaim, Rejection, Route, Service } from './service.ts';

/** What rendering, status and commands read of a catalog. Everything is sorted. */
export interface CatalogView {
  /** Sorted by name. */
  readonly services: readonly Service[];
  /** In matching order; the same array as before while no route changed. */
  readonly routes: readonly Route[];
  /** Sorted by key. */
  readonly rejected: readonly Rejection[];
  /** Keys that were ignored without being wrong: empty values, keys that end in `/`, UDP ports. */
  readonly ignored: number;
  /** What may not be meant as it stands: unknown fields, UDP ports. Sorted by service. */
  readonly remarks: readonly Remark[];
  /** Services that lost a large share of their addresses to another one. Sorted by service; the same array while nothing changed. */
  readonly massClaims: readonly MassClaim[];
  service(name: string): Service | undefined;
}
