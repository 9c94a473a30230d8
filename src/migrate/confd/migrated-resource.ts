import type { Note } from '../translate/note.ts';
import type { Resource } from './read-resource.ts';

/** One line of a table: what stood there, what it is now, and why. */
export interface Became {
  readonly key: string;
  readonly was: string;
  readonly is: string;
}

/** A resource with everything that became of it. */
export interface MigratedResource {
  readonly resource: Resource;
  /** The path of its template below `templates`, and its text. */
  readonly template: string;
  readonly text: string;
  readonly environment: readonly string[];
  /** The full keys that it reads. */
  readonly keys: readonly string[];
  readonly notes: readonly Note[];
  readonly rows: readonly Became[];
  /** What somebody has to look at, besides the template. */
  readonly marks: readonly string[];
}
