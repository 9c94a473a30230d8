import { expressionText } from './expression-text.ts';
import type { Compiler, Environment, Frame, TemplateNode } from './nunjucks.ts';
import type { Site } from './site.ts';

/** nunjucks' compiler with what the strict methods share. */
export interface StrictCompiler extends Compiler {
  readonly file: string;
  readonly env: Environment;
  /** The places that the code names, by number. */
  readonly sites: Site[];
  /** The block whose body is being compiled, for `super()`. */
  block: string | null;
  /** Writes the code of an expression whose value may be missing: what feeds `default` and `is defined`. */
  compileLenient(node: TemplateNode, frame: Frame): void;
}

/** Remembers a place and gives the code that names it. */
export function siteOf(compiler: StrictCompiler, node: TemplateNode, text = expressionText(node)): string {
  compiler.sites.push({ file: compiler.file, line: node.lineno + 1, text });
  return `s[${compiler.sites.length - 1}]`;
}
