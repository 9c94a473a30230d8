/** A file that HAProxy loads beside ours. */
export interface FileBeside {
  /** As HAProxy names it. */
  readonly path: string;
  readonly text: string;
}

/** What HAProxy loads beside our file (`-f` several times). */
export interface FilesBeside {
  /**
   * The files that the worker which answers now has loaded beside ours, as they lie there: what cannot be read from here is
   * left out. Null where nobody answers.
   */
  read(signal: AbortSignal): Promise<readonly FileBeside[] | null>;
}
