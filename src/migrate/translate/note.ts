/** A place of a template that somebody should look at. */
export interface Note {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** `untranslated`: the template fails there when it is rendered. */
  readonly kind: 'untranslated' | 'differs';
  /** The Go text. */
  readonly original: string;
  /** What is to be known or done. */
  readonly text: string;
}
