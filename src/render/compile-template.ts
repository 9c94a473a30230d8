import { TemplateError } from '../errors.ts';
import { checkLiterals } from './check-literals.ts';
import { checkMemos } from './check-memo.ts';
import { checkNames, nameFiles } from './check-names.ts';
import { checkShape } from './check-shape.ts';
import { EXPRESSIONS } from './compile-expressions.ts';
import { STATEMENTS } from './compile-statements.ts';
import type { RenderInput } from './context.ts';
import { createGlobals } from './globals.ts';
import { MemoCache } from './memo-cache.ts';
import { type Environment, internals, type NodeOf } from './nunjucks.ts';
import { ServiceViews } from './service-views.ts';
import { Fault, located, type Site } from './site.ts';
import { LONGEST_OUTPUT } from './sizes.ts';
import { createEnvironment } from './strict-filters.ts';
import { createRuntime } from './strict-runtime.ts';
import type { CompiledFile, RenderFunction } from './template-context.ts';
import { mustFindFile, renderFile } from './template-files.ts';
import { parseReachable, usedBy } from './template-references.ts';
import type { TemplateSet } from './template-set.ts';

/** A template that is ready to render. */
export interface CompiledTemplate {
  /**
   * Tree in, text out: the same input gives the same bytes. Rejects with a `TemplateError`. `run` is given the work,
   * which changes nothing but what `{% memo %}` remembers: it may end it by throwing.
   */
  render(input: RenderInput, run?: Run): Promise<string>;
  /** Whether another text of this file, or that it is there at all, could make another template of it. */
  uses(file: string): boolean;
}

/** Does some work, all of which is done when it returns, and gives what that gave. */
export type Run = (work: () => string) => string | Promise<string>;

/**
 * Compiles the template of a folder with every file that it may use, and checks it: syntax, names, filters,
 * `{% memo %}`. Throws a `TemplateError` that names file and line.
 *
 * Rendering freezes what it is given (services, routes, node, haproxy, vars), so that no template can change
 * what the next one sees.
 */
export function compileTemplate(set: TemplateSet): CompiledTemplate {
  const views = new ServiceViews();
  const isClosed = (value: object) => views.isClosed(value);
  const isStable = (value: object) => views.isStable(value);
  const env = createEnvironment(isClosed);
  const parsed = parseReachable(set);
  for (const file of parsed.values()) {
    checkShape(file);
    checkLiterals(file);
  }
  const named = nameFiles(parsed);
  checkNames(named);
  checkMemos(named);
  const files = new Map([...parsed].map(([name, { root }]) => [name, compileFile(name, root, env)]));
  const memos = new MemoCache();
  const runtime = createRuntime({ files, memos, isClosed, isStable });
  const used = usedBy(parsed);
  return {
    uses: (file) => used.names.has(file) || (used.any && file.endsWith('.njk')),
    async render(input, run = (work) => work()) {
      memos.begin(input);
      const globals = createGlobals(input, views);
      const entry = { file: set.entry, line: null, text: null };
      runtime.calling.site = entry;
      try {
        const file = mustFindFile(files, set.entry, entry);
        const text = await run(() => renderFile(file, env, globals, runtime));
        if (text.length > LONGEST_OUTPUT) {
          runtime.calling.site = entry;
          throw new Fault(`the configuration has ${text.length} characters, more than ${LONGEST_OUTPUT}`);
        }
        return text;
      } catch (error) {
        throw error instanceof TemplateError ? error : located(error, runtime.calling.site);
      }
    },
  };
}

/**
 * A subclass of nunjucks' Compiler, in nunjucks' own way. Its code differs in three things: every look-up,
 * call, operator and output goes through `StrictRuntime` with its place, so that nothing undefined gets through
 * and every error knows file, line and expression; it is synchronous all the way, so that an include that
 * fails throws where it stands; and it knows `{% memo %}`.
 */
const Strict = internals.compiler.Compiler.extend('StrictCompiler', { ...EXPRESSIONS, ...STATEMENTS });

/** Compiles one parsed file. Throws a `TemplateError` for unknown filters and tests. */
function compileFile(file: string, root: NodeOf<'Root'>, env: Environment): CompiledFile {
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
