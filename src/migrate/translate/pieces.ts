import type { TextNode } from '../go-template/nodes.ts';
import { quoted } from './code.ts';

/** A part of the nunjucks text: text, or a tag of nunjucks'. */
export type Piece =
  | { readonly kind: 'text'; readonly text: string; readonly source: string }
  | { readonly kind: 'block' | 'print' | 'comment'; readonly inner: string }
  /** Goes nowhere: a line end in the file that is none of the output. */
  | { readonly kind: 'break' };

/** `{% inner %}` */
export function block(inner: string): Piece {
  return { kind: 'block', inner };
}

/** `{{ inner }}` */
export function print(inner: string): Piece {
  return { kind: 'print', inner };
}

/** Text that is there as it stands. */
export function plainText(text: string): Piece {
  return { kind: 'text', text, source: text };
}

/** The text of a template: what it prints, and what was trimmed of it. */
export function textPiece({ text, source }: TextNode): Piece {
  return { kind: 'text', text, source };
}

/** A comment; what would end it is parted. */
export function comment(text: string): Piece {
  const inner = text.replaceAll('{#', '{ #').replaceAll('#}', '# }');
  // A `-` beside the sign would trim.
  return { kind: 'comment', inner: inner.replace(/^-/, ' -').replace(/[-{#]$/, '$& ') };
}

/**
 * The pieces as one text that is read without trimming. Where Go trims, `-` stands in the tag and the blanks stay in the file, as
 * far as nunjucks trims the same; else they are left out.
 */
export function writePieces(pieces: readonly Piece[]): string {
  const all = pieces.filter((piece) => piece.kind !== 'text' || piece.source !== '');
  const trims = all.map((piece, at) =>
    piece.kind === 'text' ? trimOf(piece, all[at - 1], all[at + 1]) : KEEPS,
  );
  return all
    .map((piece, at) => {
      const next = all[at + 1];
      if (piece.kind === 'text') {
        return escaped(trims[at]?.isTrimmed === true ? piece.source : piece.text, next);
      }
      const before = trims[at - 1]?.end === true ? '-' : '';
      const after = trims[at + 1]?.start === true ? '-' : '';
      return tagText(piece, before, after);
    })
    .join('');
}

function tagText(piece: Exclude<Piece, { kind: 'text' }>, before: string, after: string): string {
  switch (piece.kind) {
    case 'block':
      return `{%${before} ${piece.inner} ${after}%}`;
    case 'print':
      return `{{${before} ${piece.inner} ${after}}}`;
    case 'comment':
      return `{#${before}${piece.inner}${after}#}`;
    case 'break':
      return '{#\n#}';
  }
}

interface Trim {
  readonly isTrimmed: boolean;
  /** By the tag before it. */
  readonly start: boolean;
  /** By the tag behind it. */
  readonly end: boolean;
}

const KEEPS: Trim = { isTrimmed: false, start: false, end: false };

function trimOf(
  piece: { text: string; source: string },
  before: Piece | undefined,
  after: Piece | undefined,
): Trim {
  if (piece.text === piece.source || !canTrim(before) || !canTrim(after)) {
    return KEEPS;
  }
  const ways: readonly Trim[] = [
    { isTrimmed: true, start: false, end: true },
    { isTrimmed: true, start: true, end: false },
    { isTrimmed: true, start: true, end: true },
  ];
  const fits = ({ start, end }: Trim) => {
    if ((start && before === undefined) || (end && after === undefined)) {
      return false;
    }
    const ahead = start ? piece.source.trimStart() : piece.source;
    return (end ? ahead.trimEnd() : ahead) === piece.text;
  };
  return ways.find(fits) ?? KEEPS;
}

/** Beside other text a `-` would trim that as well. */
function canTrim(piece: Piece | undefined): boolean {
  return piece === undefined || (piece.kind !== 'text' && piece.kind !== 'break');
}

/** What nunjucks would take for tags of its own is printed. */
function escaped(text: string, next: Piece | undefined): string {
  const safe = text.replace(/\{\{|\{%|\{#|#\}/g, (found) =>
    found === '{#' ? '{{ "{" }}#' : found === '#}' ? '#{{ "}" }}' : `{{ ${quoted(found)} }}`,
  );
  return next !== undefined && safe.endsWith('{') ? `${safe.slice(0, -1)}{{ "{" }}` : safe;
}
