/** What becomes of the ledger. */
export type LedgerEvent =
  /** What happened cannot be written down for now; nothing else is hindered. Said once, until it can be again. */
  | { readonly kind: 'ledger-failed'; readonly message: string }
  /** It is written down again; so many passes are not in it. */
  | { readonly kind: 'ledger-mended'; readonly dropped: number };
