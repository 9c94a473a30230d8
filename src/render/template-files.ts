import { didYouMean } from '../model/nearest-names.ts';
import { type Environment, type Frame, internals } from './nunjucks.ts';
import { type Site, templateError } from './site.ts';
import { type CompiledFile, TemplateContext } from './template-context.ts';
import { describe, unwrap } from './values.ts';

/** The compiled files of a template folder by their names. */
export type Files = ReadonlyMap<string, CompiledFile>;

/** The file that `name` means in the file of `site`; undefined where there is none. Throws a `TemplateError`. */
export function findFile(files: Files, name: unknown, site: Site): CompiledFile | undefined {
  const text = unwrap(name);
  if (typeof text !== 'string') {
    throw templateError(site, `the name of a template is a text, not ${describe(name)}`);
  }
  return files.get(resolveName(text, site));
}

/** The same, where there has to be one. */
export function mustFindFile(files: Files, name: unknown, site: Site): CompiledFile {
  const file = findFile(files, name, site);
  if (file === undefined) {
    throw noSuchFile(resolveName(String(unwrap(name)), site), site, files.keys());
  }
  return file;
}

/** What a file gives where it is included, with the names and the scope of the one that includes it. */
export function includeFile(
  file: CompiledFile,
  context: TemplateContext,
  frame: Frame,
  runtime: unknown,
): string {
  const inner = new TemplateContext(context.env, context.globals, context.getVariables(), file.blocks);
  return run(file, inner, frame.push(true), runtime);
}

/** What is imported of a file. `from` and `frame` are null where the import is not `with context`. */
export function exportsOf(
  file: CompiledFile,
  context: TemplateContext,
  { from, frame }: { readonly from: TemplateContext | null; readonly frame: Frame | null },
  runtime: unknown,
): Record<string, unknown> {
  const inner = new TemplateContext(context.env, context.globals, from?.getVariables() ?? {}, file.blocks);
  run(file, inner, frame?.push() ?? new internals.runtime.Frame(), runtime);
  return inner.getExported();
}

/** The whole text of a template. */
export function renderFile(
  file: CompiledFile,
  env: Environment,
  globals: Readonly<Record<string, unknown>>,
  runtime: unknown,
): string {
  const context = new TemplateContext(env, globals, {}, file.blocks);
  return run(file, context, new internals.runtime.Frame(), runtime);
}

function run(file: CompiledFile, context: TemplateContext, frame: Frame, runtime: unknown): string {
  frame.topLevel = true;
  return file.root(context.env, context, frame, runtime);
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
