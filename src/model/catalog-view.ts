import type { Rejection, Route, Service } from './service.ts';

/** What rendering, status and commands read of a catalog. Everything is sorted. */
export interface CatalogView {
  /** Sorted by name. */
  readonly services: readonly Service[];
  /** In matching order; the same array as before while no route changed. */
  readonly routes: readonly Route[];
  /** Sorted by key. */
  readonly rejected: readonly Rejection[];
  /** Keys that were ignored without being wrong: empty values and keys that end in `/`. */
  readonly ignored: number;
  service(name: string): Service | undefined;
}
