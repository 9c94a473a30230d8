import { didYouMean } from '../model/nearest-names.ts';
import { type Environment, type Frame, internals } from './nunjucks.ts';
import { type Site, templateError } from './site.ts';
import { type CompiledFile, TemplateContext } from './template-context.ts';
import { describe, unwrap } from './values.ts';

interface ImportScope {
  readonly globals: Readonly<Record<string, unknown>>;
  /** Both null where the import is not `with context`. */
  readonly from: TemplateContext | null;
  readonly frame: Frame | null;
}

/** The compiled files of a template folder: finds and renders what include, import and extends name. */
export class Files {
  readonly #files = new Map<string, CompiledFile>();

  add(file: CompiledFile): void {
    this.#files.set(file.name, file);
  }

  /** The file that `name` means in the file of `site`. Throws a `TemplateError`. */
  find(name: unknown, site: Site, missing: 'ignore' | 'refuse'): CompiledFile | undefined {
    const text = unwrap(name);
    if (typeof text !== 'string') {
      throw templateError(site, `the name of a template is a text, not ${describe(name)}`);
    }
    const path = resolveName(text, site);
    const file = this.#files.get(path);
    if (file === undefined && missing === 'refuse') {
      throw noSuchFile(path, site, this.#files.keys());
    }
    return file;
  }

  include(
    file: CompiledFile,
    env: Environment,
    context: TemplateContext,
    frame: Frame,
    runtime: unknown,
  ): string {
    const inner = new TemplateContext(env, context.globals, context.getVariables(), file.blocks);
    return this.#run(file, inner, frame.push(true), runtime);
  }

  exportsOf(
    file: CompiledFile,
    env: Environment,
    scope: ImportScope,
    runtime: unknown,
  ): Record<string, unknown> {
    const variables = scope.from?.getVariables() ?? {};
    const inner = new TemplateContext(env, scope.globals, variables, file.blocks);
    this.#run(file, inner, scope.frame?.push() ?? new internals.runtime.Frame(), runtime);
    return inner.getExported();
  }

  render(
    name: string,
    env: Environment,
    globals: Readonly<Record<string, unknown>>,
    runtime: unknown,
  ): string {
    const file = this.find(name, { file: name, line: null, text: null }, 'refuse');
    if (file === undefined) {
      return '';
    }
    const context = new TemplateContext(env, globals, {}, file.blocks);
    return this.#run(file, context, new internals.runtime.Frame(), runtime);
  }

  #run(file: CompiledFile, context: TemplateContext, frame: Frame, runtime: unknown): string {
    frame.topLevel = true;
    return file.root(context.env, context, frame, runtime);
  }
}

/**
 * The path that a name means: `./` and `../` start at the file that says it, anything else at the folder.
 * Throws a `TemplateError` for a path that leads out of the folder.
 */
export function resolveName(name: string, site: Site): string {
  const relative = name.startsWith('./') || name.startsWith('../');
  const parts = relative ? site.file.split('/').slice(0, -1) : [];
  for (const part of name.split('/')) {
    if (part === '..' && parts.pop() === undefined) {
      throw templateError(site, `"${name}" leads out of the template folder`);
    }
    if (part !== '..' && part !== '.' && part !== '') {
      parts.push(part);
    }
  }
  if (name.startsWith('/')) {
    throw templateError(site, `"${name}" leads out of the template folder`, {
      hint: 'names are relative to the template folder',
    });
  }
  return parts.join('/');
}

/** The error for a file that is not in the folder. */
export function noSuchFile(path: string, site: Site, files: Iterable<string>): Error {
  return templateError(site, `there is no file "${path}" in the template folder`, {
    hint: didYouMean(path, files),
  });
}
