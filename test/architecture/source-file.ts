import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';

/** One source file as the rules see it. */
export interface SourceFile {
  /** Relative to `src`, with `/`. */
  readonly path: string;
  /** The text as it stands. */
  readonly text: string;
}

/** One import: a file of ours (relative to `src`) or a module by its name. */
export type Import =
  | { readonly kind: 'ours'; readonly path: string }
  | { readonly kind: 'module'; readonly name: string; readonly clause: string };

/** Every `.ts` file below `src`, sorted by path. */
export function sourceFiles(): SourceFile[] {
  const src = new URL('../../src/', import.meta.url);
  return readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .sort()
    .map((path) => ({ path, text: readFileSync(new URL(path, src), 'utf8') }));
}

const STATEMENT = /^(?:import|export)\s+(?:type\s+)?([^;'"]*?)\s*from\s*['"]([^'"]+)['"]/gm;
const BARE = /^import\s+['"]([^'"]+)['"]/gm;
const DYNAMIC = /\bimport\(\s*['"]([^'"]+)['"]\s*\)/g;

/** What a file imports: statements, re-exports, lazy and type imports alike. */
export function importsOf(file: SourceFile): Import[] {
  const code = withoutComments(file.text);
  const found = [
    ...[...code.matchAll(STATEMENT)].map((m) => ({ clause: m[1] ?? '', from: m[2] ?? '' })),
    ...[...code.matchAll(BARE)].map((m) => ({ clause: '', from: m[1] ?? '' })),
    ...[...code.matchAll(DYNAMIC)].map((m) => ({ clause: '*', from: m[1] ?? '' })),
  ];
  return found.map(({ clause, from }) =>
    from.startsWith('.')
      ? { kind: 'ours', path: posix.join(posix.dirname(file.path), from) }
      : { kind: 'module', name: from, clause },
  );
}

/** The text without its comments; good enough for looking for words (strings stay). */
export function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/[^\n]*/g, '$1');
}
