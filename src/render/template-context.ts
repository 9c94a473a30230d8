import type { Environment, Frame } from './nunjucks.ts';

/** What one compiled file is: its body and its blocks, as functions that give their text. */
export interface CompiledFile {
  readonly name: string;
  readonly root: RenderFunction;
  readonly blocks: ReadonlyMap<string, RenderFunction>;
}

/** The code of a file or a block; gives its text. */
export type RenderFunction = (
  env: Environment,
  context: TemplateContext,
  frame: Frame,
  runtime: unknown,
) => string;

/**
 * The variables of one file while it renders: nunjucks' Context, with the names that every template sees
 * behind them. It belongs to one render.
 */
export class TemplateContext {
  /** Filters find their environment here. */
  readonly env: Environment;
  /** What every template sees: data and functions. */
  readonly globals: Readonly<Record<string, unknown>>;
  readonly #variables: Record<string, unknown>;
  readonly #blocks = new Map<string, RenderFunction[]>();
  readonly #exported = new Set<string>();

  constructor(
    env: Environment,
    globals: Readonly<Record<string, unknown>>,
    variables: Readonly<Record<string, unknown>>,
    blocks: ReadonlyMap<string, RenderFunction>,
  ) {
    this.env = env;
    this.globals = globals;
    this.#variables = Object.assign(Object.create(null), variables);
    this.addBlocks(blocks);
  }

  lookup(name: string): unknown {
    return name in this.#variables ? this.#variables[name] : this.globals[name];
  }

  setVariable(name: string, value: unknown): void {
    this.#variables[name] = value;
  }

  getVariables(): Readonly<Record<string, unknown>> {
    return this.#variables;
  }

  addBlocks(blocks: ReadonlyMap<string, RenderFunction>): void {
    for (const [name, block] of blocks) {
      this.#blocks.set(name, [...(this.#blocks.get(name) ?? []), block]);
    }
  }

  /** The block that holds here: the one of the template furthest down the chain of `extends`. */
  getBlock(name: string): RenderFunction | undefined {
    return this.#blocks.get(name)?.[0];
  }

  /** The block that `block` replaces. */
  getSuper(name: string, block: RenderFunction): RenderFunction | undefined {
    const all = this.#blocks.get(name) ?? [];
    return all[all.indexOf(block) + 1];
  }

  addExport(name: string): void {
    this.#exported.add(name);
  }

  getExported(): Record<string, unknown> {
    return Object.fromEntries([...this.#exported].map((name) => [name, this.#variables[name]]));
  }
}
