import type { GoNode } from '../go-template/nodes.ts';
import { parseGoTemplate } from '../go-template/parse.ts';
import { GoSyntaxError } from '../go-template/syntax-error.ts';
import { quoted } from './code.ts';
import { CALLED_NAMES } from './functions.ts';
import { Names } from './names.ts';
import type { Note } from './note.ts';
import { block, type Piece, writePieces } from './pieces.ts';
import type { Types } from './scope.ts';
import { callsIn, definitionsIn, isFull, usesDot } from './search.ts';
import { listPieces, type Macro, macroPieces, type StatementParts, topScope } from './statements.ts';
import { type GoType, sameType } from './types.ts';

/** A Go template of confd's. */
export interface GoTemplate {
  /** Its path below the folder of templates, for messages. */
  readonly file: string;
  readonly text: string;
  /** The prefix of its resource: keys in it are written without. `/` for none. */
  readonly prefix: string;
}

/** A template of confd's as nunjucks has it. */
export interface TranslatedTemplate {
  readonly text: string;
  /** Places to look at, in the order of the file. */
  readonly notes: readonly Note[];
  /** Variables of the environment that it reads, sorted. */
  readonly environment: readonly string[];
}

/** More passes than this learn nothing new of any template that people write. */
const MOST_PASSES = 12;

/**
 * Translates a Go template so that it prints the same, to the byte. What has no translation is a call that fails when the template is
 * rendered, and says where it stood and what to do; a text that is no Go template fails as a whole.
 */
export function translateTemplate(template: GoTemplate): TranslatedTemplate {
  try {
    return translated(template, parseGoTemplate(template.file, template.text));
  } catch (error) {
    if (!(error instanceof GoSyntaxError)) {
      throw error;
    }
    return refused(template, error);
  }
}

function translated(template: GoTemplate, nodes: readonly GoNode[]): TranslatedTemplate {
  let types: Types = new Map();
  for (let pass = 0; pass < MOST_PASSES; pass++) {
    const { learned, ...result } = onePass(template, nodes, types);
    if (sameTypes(types, learned)) {
      return result;
    }
    types = learned;
  }
  // Nothing is known of any: then nothing depends on what the last pass said.
  const { learned: _, ...result } = onePass(template, nodes, new Map());
  return result;
}

function onePass(
  { file, prefix }: GoTemplate,
  nodes: readonly GoNode[],
  types: Types,
): TranslatedTemplate & { readonly learned: Types } {
  const names = new Names(CALLED_NAMES);
  const parts: StatementParts = {
    file,
    types,
    learned: new Map<string, GoType>(),
    notes: [],
    names,
    environment: new Set(),
    store: prefix === '/' || prefix === '' ? null : 'store',
    macros: macrosOf(nodes, names),
  };
  const ahead = [...parts.macros.values()].flatMap((macro) =>
    macro.isAhead ? [...macroPieces(macro, parts), LINE_END] : [],
  );
  const body = listPieces(nodes, topScope(), parts);
  const store = parts.store === null ? [] : [block(`set store = storeBelow(${quoted(prefix)})`), LINE_END];
  return {
    text: heading(file) + writePieces([...store, ...ahead, ...body]),
    notes: parts.notes.toSorted((a, b) => a.line - b.line || a.column - b.column),
    environment: [...parts.environment].sort(),
    learned: parts.learned,
  };
}

const LINE_END: Piece = { kind: 'break' };

/** The first line: every blank and line end behind it is one of the output. */
function heading(file: string): string {
  return `{# trim: false; ${file.replace(/[#{}\n]/g, '_')} of confd, by pointsman migrate #}\n`;
}

function macrosOf(nodes: readonly GoNode[], names: Names): ReadonlyMap<string, Macro> {
  const calls = callsIn(nodes);
  const dot = names.reserve('dot');
  const macros = new Map<string, Macro>();
  for (const { node, isTop } of definitionsIn(nodes)) {
    const known = macros.get(node.name);
    if (known !== undefined && !isFull(node.body)) {
      continue;
    }
    const before = calls.some(
      (call) => call.name === node.name && call.tag.place.offset < node.tag.place.offset,
    );
    macros.set(node.name, {
      node,
      name: known?.name ?? names.reserve(node.name),
      argument: usesDot(node.body) ? dot : null,
      isAhead: before || !isTop,
    });
  }
  return macros;
}

function sameTypes(a: Types, b: Types): boolean {
  return a.size === b.size && [...a].every(([key, type]) => sameType(type, b.get(key) ?? 'never'));
}

function refused({ file, text }: GoTemplate, { place, found }: GoSyntaxError): TranslatedTemplate {
  const original = text.split('\n')[place.line - 1] ?? '';
  const reason = `it is no Go template: ${found}`;
  const args = [`${file}:${place.line}:${place.column}`, original, reason].map(quoted);
  return {
    text: `${heading(file)}{{ go.untranslated(${args.join(', ')}) }}\n`,
    notes: [{ file, line: place.line, column: place.column, kind: 'untranslated', original, text: reason }],
    environment: [],
  };
}
