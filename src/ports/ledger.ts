/** The texts of a pass that has just ended, right before its event. */
export interface PassTexts {
  /** What HAProxy ran, or the file held, when it began; null where that is not known. */
  readonly before: string | null;
  /** What it wanted; null where nothing was drawn. */
  readonly wanted: string | null;
  /** The services that its keys are about. */
  readonly services: readonly string[];
  /** The entry of the ledger whose text is put back, and who wants that; null where none is. */
  readonly rollback: { readonly number: number; readonly by: string } | null;
}

/** Writes down what passes did, in its own time. */
export interface PassLedger {
  note(texts: PassTexts): void;
}
