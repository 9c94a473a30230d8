/** The installed configuration file and its last good versions. Texts here carry the mark (`plan/mark.ts`). */
export interface ConfigFile {
  readonly path: string;
  /** Null where there is none. */
  read(): Promise<string | null>;
  /**
   * Temp file, fsync, rename, fsync of the folder; mode and owner as set. Gives the text that was replaced where
   * that is not what was last read or published here: somebody else wrote it; else null.
   */
  publish(fileText: string): Promise<string | null>;
  /** Remembers a text that HAProxy runs as a good version in `stateDir`, and drops the oldest. */
  keep(fileText: string): Promise<void>;
  /** The youngest of these, or null. */
  lastKept(): Promise<string | null>;
  /** Yields whenever somebody else replaced, wrote or removed the file since it was last read: within 1 s. */
  watch(signal: AbortSignal): AsyncIterable<void>;
  /** Sets a text aside that somebody else wrote, and gives the path of the copy. */
  keepEdit(fileText: string): Promise<string>;
}
