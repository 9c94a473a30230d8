import { TemplateError } from '../errors.ts';
import { checkLiterals } from './check-literals.ts';
import { checkMemos } from './check-memo.ts';
import { checkNames, nameFiles } from './check-names.ts';
import { checkShape } from './check-shape.ts';
import type { RenderInput } from './context.ts';
import { createGlobals } from './globals.ts';
import { MemoCache } from './memo-cache.ts';
import { ServiceViews } from './service-views.ts';
import { Fault, located } from './site.ts';
import { LONGEST_OUTPUT } from './sizes.ts';
import { compileFile } from './strict-compiler.ts';
import { createEnvironment } from './strict-filters.ts';
import { createRuntime } from './strict-runtime.ts';
import { Files } from './template-files.ts';
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
  const files = new Files();
  const parsed = parseReachable(set);
  for (const file of parsed.values()) {
    checkShape(file);
    checkLiterals(file);
  }
  const named = nameFiles(parsed);
  checkNames(named);
  checkMemos(named);
  for (const file of parsed.values()) {
    files.add(compileFile(file.name, file.root, env));
  }
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
        const text = await run(() => files.render(set.entry, env, globals, runtime));
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
