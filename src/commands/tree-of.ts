import { Catalog } from '../model/catalog.ts';
import type { Entry } from '../model/entry.ts';
import type { Rejection } from '../model/service.ts';
import type { Settings } from '../settings/settings.ts';
import { catalogOptions } from './assemble.ts';
import type { Io } from './io.ts';
import { sourceOf } from './source-of.ts';

/** Reads every key once. Throws a `SourceError`. */
export async function entriesOf(io: Io, settings: Settings, from?: string): Promise<readonly Entry[]> {
  const source = sourceOf(io, settings, from);
  io.waitsFor(from === '-' ? 'the keys on standard input' : `the sources (${source.name})`);
  return source.read(io.signal);
}

/** Reads every key once, as a catalog. */
export async function catalogOf(io: Io, settings: Settings, from?: string): Promise<Catalog> {
  const catalog = new Catalog(catalogOptions(settings));
  catalog.replace(await entriesOf(io, settings, from));
  return catalog;
}

/** A rejection in one line. */
export function rejectionLine({ key, value, reason, other }: Rejection): string {
  return `rejected ${key} "${value}": ${reason}${other === undefined ? '' : ` (${other})`}`;
}
