/** What HAProxy reads beside its configuration: certificates, maps, lists. */
export interface NamedFiles {
  /** By path, what tells whether a file that these texts name is another than before. Files that are not there count as well. */
  look(texts: readonly string[]): Promise<ReadonlyMap<string, string>>;
}
