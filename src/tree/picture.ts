import { PointsmanError } from '../errors.ts';
import type { Counts, Emit, Hashes } from '../events.ts';
import { Catalog, type CatalogOptions } from '../model/catalog.ts';
import type { Change, Entry } from '../model/entry.ts';
import type { Prefixes } from '../model/keys.ts';
import { Tree } from '../model/tree.ts';
import { plainVersion } from '../plan/haproxy-branch.ts';
import { hashText, sameText } from '../plan/mark.ts';
import { losesAllServers } from '../plan/serves.ts';
import { clock } from '../ports/clock.ts';
import { type Filtered, QuarantineShelf } from '../quarantine/shelf.ts';
import { SinceGood } from '../quarantine/since-good.ts';
import { TemplateChoice } from '../quarantine/template-choice.ts';
import { unitOf } from '../quarantine/unit.ts';
import type { CompiledTemplate } from '../render/compile-template.ts';
import type { RenderInput } from '../render/context.ts';
import type { TemplateSet } from '../render/template-set.ts';
import { RenderTime } from '../rollout/render-time.ts';
import { type TimeLimit, withinTime } from '../rollout/time-limit.ts';
import { Rejections } from './rejections.ts';
import { RemarkTeller } from './remark-teller.ts';
import { type Before, restoredCatalog } from './restored-catalog.ts';

export interface PictureOptions {
  readonly catalog: CatalogOptions;
  /** What templates see beside the keys. */
  readonly context: Pick<RenderInput, 'node' | 'haproxy' | 'vars'>;
  /** How long one rendering may take, in milliseconds. @default no limit */
  readonly renderLimit?: number;
  readonly emit: Emit;
}

/** A rendered text, or why there is none. */
export type Drawn =
  | { readonly kind: 'text'; readonly text: string; readonly hash: string }
  /** No source has given a tree yet, or no template was read yet. */
  | { readonly kind: 'nothing'; readonly missing: string }
  | { readonly kind: 'template-error'; readonly error: PointsmanError };

const NO_SERVER =
  'the sources have no instance, there is no cache to compare with, and a file with servers is installed: ' +
  'waiting for the first one (pointsman release believes it)';

/** The believed tree and the template, and the text that follows from them. */
export class Picture {
  #catalog: Catalog;
  /** What is set aside, and by what the believed tree differs from the last good one. */
  readonly shelf: QuarantineShelf;
  readonly since = new SinceGood();
  readonly #options: PictureOptions;
  readonly #rejections: Rejections;
  readonly #remarks: RemarkTeller;
  readonly #templates: TemplateChoice;
  #onFiltered: (filtered: Omit<Filtered, 'changes'>) => void = () => {};
  /** What of the tree is held: it went from the sources. */
  readonly held = new Tree();
  /** What is waited for while there is no tree, for people. */
  missing = 'no source has given its keys yet';
  #hasTree = false;
  /** The tree has no instance, and nothing to compare it with: it may be that of a store that lost everything. */
  isDoubtful = false;
  #context: PictureOptions['context'];
  #view: readonly unknown[] = [];
  #text: string | null = null;
  #drawn: string | null = null;
  readonly #renderTime: RenderTime;

  constructor(options: PictureOptions) {
    this.#options = options;
    this.#context = options.context;
    this.#catalog = new Catalog(options.catalog);
    this.shelf = new QuarantineShelf(options.catalog.prefixes);
    this.#rejections = new Rejections(options.emit);
    this.#remarks = new RemarkTeller(options.emit);
    this.#templates = new TemplateChoice(options.emit);
    this.#renderTime = new RenderTime(options.renderLimit);
  }

  /** The believed tree as services and routes. */
  get catalog(): Catalog {
    return this.#catalog;
  }

  /** True once a source gave everything that it has. */
  get hasTree(): boolean {
    return this.#hasTree;
  }

  /** Those of these keys that are there, as the sources give them: neither held nor set aside. */
  lookUp(keys: readonly string[]): readonly Entry[] {
    return keys.flatMap((key) => {
      if (this.held.get(key)) {
        return [];
      }
      const shelved = this.shelf.size === 0 ? undefined : this.shelf.get(unitOf(key, this.prefixes));
      return (shelved ? shelved.wanted.get(key) : this.catalog.tree.get(key)) ?? [];
    });
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
    return {
      raw: tree === null ? null : this.held.takenFrom(this.shelf.rawHash(tree)),
      believed: tree,
      text: this.#text === null ? null : hashText(this.#text),
    };
  }

  /** What the last drawing gave; null while it is under way, and where it failed. */
  get drawn(): string | null {
    return this.#drawn;
  }

  /**
   * Another object whenever a template, the quarantine or a person could see something else than before. Another
   * revision of the same value alone is none.
   */
  get view(): object {
    const { services, routes, rejected, tree } = this.catalog;
    const parts = [
      services,
      routes,
      rejected.length,
      tree.hash,
      this.held.hash,
      this.shelf.size > 0 ? {} : 0,
    ];
    if (parts.some((part, at) => part !== this.#view[at])) {
      this.#view = parts;
    }
    return this.#view;
  }

  get prefixes(): Prefixes {
    return this.#options.catalog.prefixes;
  }

  /** Which template is in use: a refused one gives way to the last good one. */
  get templates(): TemplateChoice {
    return this.#templates;
  }

  /** Takes a whole tree; gives the number of keys that differ. */
  replace(entries: Iterable<Entry>): number {
    const changed = this.take(entries);
    this.begin();
    return changed;
  }

  /** Takes a whole tree, not yet to be rendered. */
  take(entries: Iterable<Entry>): number {
    const { entries: believed, ...filtered } = this.shelf.filterAll(entries);
    const changes = this.catalog.tree.changesTo(believed);
    this.believe(changes);
    this.#onFiltered(filtered);
    return changes.length;
  }

  /** What was applied so far is a whole tree. */
  begin(): void {
    this.#hasTree = true;
    const released = this.shelf.begin();
    if (released.length > 0) {
      this.#onFiltered({ released, touched: [] });
    }
    this.#tellKeys();
  }

  #tellKeys(): void {
    this.#rejections.update(this.catalog.rejected);
    this.#remarks.update(this.catalog.remarks);
  }

  apply(changes: readonly Change[]): void {
    const filtered = this.shelf.filter(changes);
    this.believe(filtered.changes);
    if (this.shelf.size > 0 || filtered.released.length > 0) {
      this.#onFiltered(filtered);
    }
  }

  /** Changes the believed tree, past what is set aside: all of it, or nothing where that throws. */
  believe(changes: readonly Change[]): void {
    const before: Before = changes.map((change) => {
      const key = change.kind === 'put' ? change.entry.key : change.key;
      return { key, entry: this.catalog.tree.get(key) };
    });
    try {
      this.catalog.apply(changes);
    } catch (error) {
      this.#catalog = restoredCatalog(this.#options.catalog, this.catalog.tree, before);
      throw error;
    }
    this.since.note(before);
    if (this.#hasTree) {
      this.#tellKeys();
    }
  }

  /** Has `listener` told what changes of the sources did to what is set aside. */
  watchShelf(listener: (filtered: Omit<Filtered, 'changes'>) => void): void {
    this.#onFiltered = listener;
  }

  /** The text that was drawn last is good, and so are its tree and its template. */
  accepted(): void {
    this.since.accepted();
    this.#templates.accepted();
    this.#renderTime.accepted();
  }

  /** A catalog of the same tree, to try things on. */
  copy(): Catalog {
    const copy = new Catalog(this.#options.catalog);
    copy.replace(this.catalog.tree);
    return copy;
  }

  /** Renders any catalog with a template. Throws a `TemplateError`. */
  render(catalog: Catalog, template: CompiledTemplate): Promise<string> {
    return this.#render(catalog, template, this.#renderTime.limit);
  }

  /** The same, to find what is refused: with less time, and after whatever else waits. */
  async tryRender(catalog: Catalog, template: CompiledTemplate, signal: AbortSignal): Promise<string> {
    await clock.breathe();
    signal.throwIfAborted();
    const { trial, limit } = this.#renderTime;
    return this.#render(catalog, template, this.#templates.isNew ? limit : trial(catalog.tree.size));
  }

  #render(catalog: Catalog, template: CompiledTemplate, limit: TimeLimit | undefined): Promise<string> {
    const run = limit && ((work: () => string) => withinTime(limit, work));
    return template.render({ catalog, tree: catalog.tree, ...this.#context }, run);
  }

  /** Takes the version of the HAProxy that runs, for templates. True where it is another than before. */
  runsOn(version: string | null): boolean {
    const plain = version === null ? '' : plainVersion(version);
    if (plain === '' || plain === this.#context.haproxy.version) {
      return false;
    }
    this.#context = { ...this.#context, haproxy: { ...this.#context.haproxy, version: plain } };
    return true;
  }

  /** Takes a template. One that does not compile leaves the last good one in its place. False: nothing changed. */
  setTemplate(set: TemplateSet): Promise<boolean> {
    return this.#templates.set(set);
  }

  /** The template cannot be read. Throws what is not a `PointsmanError`. */
  missTemplate(error: unknown): boolean {
    return this.#templates.miss(error);
  }

  /**
   * Renders what is believed. Says nothing of it: `tell` does. A doubtful tree gives nothing where all servers of the
   * `installed` text would be gone with it.
   */
  async draw(installed: string | null = null): Promise<Drawn> {
    if (!this.#hasTree) {
      return { kind: 'nothing', missing: this.missing };
    }
    const template = this.#templates.current;
    if (!template) {
      const error = this.#templates.error;
      return error
        ? { kind: 'template-error', error }
        : { kind: 'nothing', missing: 'the template was not read yet' };
    }
    this.#drawn = null;
    this.since.drew();
    this.#templates.drew();
    try {
      const render = () => this.render(this.catalog, template);
      const text = sameText(await this.#renderTime.measure(this.catalog.tree.size, render));
      if (this.isDoubtful && installed !== null && losesAllServers(installed, text)) {
        return { kind: 'nothing', missing: NO_SERVER };
      }
      this.#text = text;
      this.#drawn = text;
      return { kind: 'text', text, hash: hashText(text) };
    } catch (error) {
      if (!(error instanceof PointsmanError)) {
        throw error;
      }
      return { kind: 'template-error', error };
    }
  }

  /** Tells of an error of the template once, and once when it is mended. */
  tell(drawn: Drawn): void {
    if (drawn.kind === 'template-error') {
      this.#templates.failed(drawn.error);
    } else if (drawn.kind === 'text') {
      this.#templates.rendered();
    }
  }
}
