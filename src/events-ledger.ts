/** What becomes of the ledger. */
export type LedgerEvent =
  /** What happened cannot be written down for now; nothing else is hindered. Said once for each cause, until it can be again. */
  | { readonly kind: 'ledger-failed'; readonly message: string; readonly hint?: string }
  /** It is written down again; so many passes are not in it. */
  | { readonly kind: 'ledger-mended'; readonly dropped: number };
