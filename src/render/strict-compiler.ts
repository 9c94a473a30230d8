import { EXPRESSIONS } from './compile-expressions.ts';
import { STATEMENTS } from './compile-statements.ts';
import { type Environment, internals, type RootNode } from './nunjucks.ts';
import type { Site } from './site.ts';
import type { CompiledFile, RenderFunction } from './template-context.ts';

/**
 * A subclass of nunjucks' Compiler, in nunjucks' own way. Its code differs in three things: every look-up,
 * call, operator and output goes through `StrictRuntime` with its place, so that nothing undefined gets through
 * and every error knows file, line and expression; it is synchronous all the way, so that an include that
 * fails throws where it stands; and it knows `{% memo %}`.
 */
const Strict = internals.compiler.Compiler.extend('StrictCompiler', { ...EXPRESSIONS, ...STATEMENTS });

/** Compiles one parsed file. Throws a `TemplateError` for unknown filters and tests. */
export function compileFile(file: string, root: RootNode, env: Environment): CompiledFile {
  const sites: Site[] = [{ file, line: null, text: null }];
  const compiler = Object.assign(new Strict(file, true), { file, env, sites, block: null });
  compiler.compile(root);
  // The code of a template is trusted; values are data and never get here.
  const load = new Function('s', compiler.getCode()) as (sites: readonly Site[]) => {
    root: RenderFunction;
    blocks: Record<string, RenderFunction>;
  };
  const { root: body, blocks } = load(sites);
  return { name: file, root: body, blocks: new Map(Object.entries(blocks)) };
}
