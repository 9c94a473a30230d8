import type { NamedFile } from '../plan/named-files.ts';

export type { NamedFile };

/** What HAProxy reads beside its configuration: certificates, maps, lists. */
export interface NamedFiles {
  /**
   * By path, what tells whether a file that these texts name, or one of these, is another than before. Files that are not
   * there count as well.
   */
  look(texts: readonly string[], files?: readonly NamedFile[]): Promise<ReadonlyMap<string, string>>;
}
