import { PointsmanError } from '../errors.ts';
import type { Counts, Emit, Hashes } from '../events.ts';
import { Catalog, type CatalogOptions } from '../model/catalog.ts';
import type { Change, Entry } from '../model/entry.ts';
import { hashText } from '../plan/mark.ts';
import { type CompiledTemplate, compileTemplate } from '../render/compile-template.ts';
import type { RenderInput } from '../render/context.ts';
import type { TemplateSet } from './interfaces.ts';
import { Rejections } from './rejections.ts';

/** What a picture is made with. */
export interface PictureOptions {
  readonly catalog: CatalogOptions;
  /** What templates see beside the keys. */
  readonly context: Pick<RenderInput, 'node' | 'haproxy' | 'vars'>;
  readonly emit: Emit;
}

/** A rendered text, or why there is none. */
export type Drawn =
  | { readonly kind: 'text'; readonly text: string; readonly hash: string }
  /** No source has given a tree yet, or no template was read yet. */
  | { readonly kind: 'nothing'; readonly missing: string }
  | { readonly kind: 'template-error'; readonly error: PointsmanError };

/** The believed tree and the template, and the text that follows from them. */
export class Picture {
  readonly catalog: Catalog;
  readonly #options: PictureOptions;
  readonly #rejections: Rejections;
  #template: CompiledTemplate | undefined;
  #templateError: PointsmanError | undefined;
  #hasTree = false;
  #text: string | null = null;

  constructor(options: PictureOptions) {
    this.#options = options;
    this.catalog = new Catalog(options.catalog);
    this.#rejections = new Rejections(options.emit);
  }

  /** True once a source gave everything that it has. */
  get hasTree(): boolean {
    return this.#hasTree;
  }

  /** Those of these keys that are there, as the sources give them. */
  lookUp(keys: readonly string[]): readonly Entry[] {
    return keys.flatMap((key) => this.catalog.tree.get(key) ?? []);
  }

  get counts(): Counts {
    const { services, routes, rejected, ignored, tree } = this.catalog;
    const instances = services.reduce((sum, service) => sum + service.instances.length, 0);
    return {
      keys: tree.size,
      services: services.length,
      instances,
      routes: routes.length,
      rejected: rejected.length,
      ignored,
    };
  }

  get hashes(): Hashes {
    const tree = this.#hasTree ? this.catalog.tree.hash : null;
    return { raw: tree, believed: tree, text: this.#text === null ? null : hashText(this.#text) };
  }

  /** Takes a whole tree; gives the number of keys that differ. */
  replace(entries: Iterable<Entry>): number {
    const changes = this.catalog.replace(entries);
    this.#hasTree = true;
    this.#rejections.update(this.catalog.rejected);
    return changes.length;
  }

  apply(changes: readonly Change[]): void {
    this.catalog.apply(changes);
    this.#rejections.update(this.catalog.rejected);
  }

  /** Takes a template. One that does not compile leaves the last good one in its place. */
  async setTemplate(set: TemplateSet): Promise<void> {
    try {
      this.#template = await compileTemplate(set);
      this.#mended();
    } catch (error) {
      this.#broken(error);
    }
  }

  /** The template cannot be read. Throws what is not a `PointsmanError`. */
  missTemplate(error: unknown): void {
    this.#broken(error);
  }

  /** Renders. An error of the template is told once, and once when it is mended. */
  async draw(): Promise<Drawn> {
    if (!this.#hasTree) return { kind: 'nothing', missing: 'no source has given its keys yet' };
    if (!this.#template) {
      return this.#templateError
        ? { kind: 'template-error', error: this.#templateError }
        : { kind: 'nothing', missing: 'the template was not read yet' };
    }
    try {
      const text = await this.#template.render({
        catalog: this.catalog,
        tree: this.catalog.tree,
        ...this.#options.context,
      });
      this.#text = text;
      this.#mended();
      return { kind: 'text', text, hash: hashText(text) };
    } catch (error) {
      return { kind: 'template-error', error: this.#broken(error) };
    }
  }

  #mended(): void {
    if (!this.#templateError) return;
    this.#templateError = undefined;
    this.#options.emit({ kind: 'template-mended' });
  }

  #broken(error: unknown): PointsmanError {
    if (!(error instanceof PointsmanError)) throw error;
    if (this.#templateError?.message !== error.message) {
      const { message, hint } = error;
      this.#options.emit({ kind: 'template-error', message, ...(hint === undefined ? {} : { hint }) });
    }
    this.#templateError = error;
    return error;
  }
}
