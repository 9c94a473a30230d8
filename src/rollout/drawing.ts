import { PointsmanError } from '../errors.ts';
import type { Emit } from '../events.ts';
import type { Catalog } from '../model/catalog.ts';
import type { CatalogView } from '../model/catalog-view.ts';
import { rejection } from '../model/rejection.ts';
import type { Rejection } from '../model/service.ts';
import { boundPorts } from '../plan/bound-ports.ts';
import { plainVersion } from '../plan/haproxy-branch.ts';
import { hashText, sameText } from '../plan/mark.ts';
import { clock } from '../ports/clock.ts';
import type { FileBeside } from '../ports/files-beside.ts';
import type { CompiledTemplate } from '../render/compile-template.ts';
import type { RenderInput } from '../render/context.ts';
import { setOf } from './current.ts';
import type { Desired } from './facts.ts';
import { type BoundBeside, type PlacedText, renderPlaced } from './own-ports.ts';
import { limitOf, withinTime } from './render-limit.ts';
import type { Rollback, RolledBack } from './rollback.ts';
import { TemplateChoice } from './template-choice.ts';

export interface DrawingOptions {
  /** What templates see beside the keys. */
  readonly context: Pick<RenderInput, 'node' | 'haproxy' | 'vars'>;
  /** How long one rendering may take, in milliseconds. @default no limit */
  readonly renderLimit?: number;
  readonly emit: Emit;
}

/** Settings that drawing goes by. */
export interface DrawingSettings extends Pick<DrawingOptions, 'renderLimit'> {
  readonly vars?: RenderInput['vars'];
}

/** What is drawn. */
export type Drawable =
  | { readonly kind: 'nothing'; readonly missing: string }
  /** A doubtful tree gives nothing where all servers of the installed text would be gone with it. */
  | { readonly kind: 'tree'; readonly catalog: Catalog; readonly isDoubtful: boolean };

const NO_SERVER =
  'the sources have no instance, there is no cache to compare with, and a file with servers is installed: ' +
  'waiting for the first one (pointsman release believes it)';

interface Last {
  readonly text: string;
  readonly template: CompiledTemplate;
  readonly msPerKey: number;
  readonly rejected: readonly Rejection[];
  readonly rolledBack: RolledBack | null;
}

/** A text that was rendered, and what an older one in its place does; null where none is. */
export type DrawnText = PlacedText & { readonly rolledBack: RolledBack | null };

/** Makes the text of a tree, by the template that is in use. */
export class Drawing {
  /** Which template is in use: a refused one gives way to the last good one. */
  readonly templates: TemplateChoice;
  #renderLimit: number | undefined;
  #context: DrawingOptions['context'];
  #beside: readonly BoundBeside[] = [];
  #text: string | null = null;
  #rollback: Rollback | null = null;
  /** The last drawing; null while the next is under way, and where it failed. */
  #last: Last | null = null;
  /** What the last good drawing took. */
  #goodMsPerKey = Number.POSITIVE_INFINITY;

  constructor(options: DrawingOptions) {
    this.#context = options.context;
    this.templates = new TemplateChoice(options.emit, options.context.vars);
    this.#renderLimit = options.renderLimit;
  }

  /** Goes by other settings from now on; what is left out stays. */
  follow({ vars, renderLimit = this.#renderLimit }: DrawingSettings): void {
    this.#renderLimit = renderLimit;
    if (vars) {
      this.#context = { ...this.#context, vars };
      this.templates.follow(vars);
    }
  }

  /** From now on this stands in the place of whatever is drawn; null ends that. */
  rollBack(rollback: Rollback | null): void {
    this.#rollback = rollback;
  }

  /** What stands in the place of whatever is drawn. */
  get rollback(): Rollback | null {
    return this.#rollback;
  }

  /** What an older text does in the place of what was drawn last; null where none was put there. */
  get rolledBack(): RolledBack | null {
    return this.#last?.rolledBack ?? null;
  }

  /** The hash of the last text, whatever came of it; null before there is one. */
  get hash(): string | null {
    return this.#text === null ? null : hashText(this.#text);
  }

  /** Routes whose port the text of the last drawing listens on by itself: it is drawn without. */
  get rejected(): readonly Rejection[] {
    return this.#last?.rejected ?? [];
  }

  /** What the last drawing gave; null while it is under way, and where it failed. */
  get drawn(): string | null {
    return this.#last?.text ?? null;
  }

  /** Renders it. Says nothing of it: `tell` does. */
  async draw(tree: Drawable, installed: string | null = null): Promise<Desired> {
    if (tree.kind === 'nothing') {
      return tree;
    }
    const template = this.templates.current;
    if (!template) {
      const { error } = this.templates;
      return error
        ? { kind: 'template-error', error }
        : { kind: 'nothing', missing: 'the template was not read yet' };
    }
    this.#last = null;
    try {
      const { catalog } = tree;
      const begun = clock.now();
      const placed = await this.render(catalog, template);
      const text = sameText(placed.text);
      const msPerKey = (clock.now() - begun) / (catalog.tree.size + 1);
      if (tree.isDoubtful && installed !== null && losesAllServers(installed, text)) {
        return { kind: 'nothing', missing: NO_SERVER };
      }
      this.#text = text;
      this.#last = {
        text,
        template,
        msPerKey,
        rejected: rejectedBy(placed, catalog),
        rolledBack: placed.rolledBack,
      };
      return { kind: 'set', set: setOf(text) };
    } catch (error) {
      if (!(error instanceof PointsmanError)) {
        throw error;
      }
      return { kind: 'template-error', error };
    }
  }

  /** Tells of an error of the template once, and once when it is mended. */
  tell(drawn: Desired): void {
    if (drawn.kind !== 'nothing') {
      this.templates.rendered(drawn.kind === 'template-error' ? drawn.error : undefined);
    }
  }

  /** The text that was drawn last is good, and so is its template. */
  accepted(): void {
    if (this.#last) {
      this.templates.accepted(this.#last.template);
      this.#goodMsPerKey = this.#last.msPerKey;
    }
  }

  /** Renders any catalog with a template, with less time where that took `good` milliseconds before. Throws a `TemplateError`. */
  async render(whole: Catalog, template: CompiledTemplate, good?: number): Promise<DrawnText> {
    const rollback = this.#rollback;
    const placed = await this.renderWhole(whole, template, good);
    const rolledBack = rollback?.putBack(placed.text, whole.services) ?? null;
    return { ...placed, text: rolledBack?.text ?? placed.text, rolledBack };
  }

  /** The same, whatever is put back. */
  renderWhole(whole: Catalog, template: CompiledTemplate, good?: number): Promise<PlacedText> {
    const limit = this.#renderLimit === undefined ? undefined : limitOf(this.#renderLimit, good);
    const run = limit && ((work: () => string) => withinTime(limit, work));
    const renderOf = (catalog: CatalogView) =>
      template.render({ catalog, tree: whole.tree, ...this.#context }, run);
    return renderPlaced(whole, renderOf, this.#beside);
  }

  /** The same, to find what is refused: with less time, and after whatever else waits. */
  async tryRender(catalog: Catalog, template: CompiledTemplate, signal: AbortSignal): Promise<string> {
    await clock.breathe();
    signal.throwIfAborted();
    const good = this.templates.isNew ? undefined : this.#goodMsPerKey * (catalog.tree.size + 1);
    return (await this.render(catalog, template, good)).text;
  }

  /** Takes what HAProxy loads beside our file: no service gets a port that one of these listens on. True where it is other ports than before. */
  loadedBeside(files: readonly FileBeside[]): boolean {
    const before = JSON.stringify(this.#beside);
    this.#beside = files.map(({ path, text }) => ({ path, bound: boundPorts(text) }));
    return JSON.stringify(this.#beside) !== before;
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
}

function rejectedBy({ lost }: PlacedText, catalog: Catalog): readonly Rejection[] {
  return lost.flatMap(({ service, port, by, beside }) => {
    const entry = catalog.portClaim(service);
    const where = beside === null ? 'the configuration itself' : `${beside}, which HAProxy loads too`;
    const reason = `the port ${port} is taken by ${by} of ${where}`;
    return entry ? [rejection(entry, reason)] : [];
  });
}

const SERVER = /^[ \t]*server(?:-template)?[ \t]/m;

/** Whether a text has servers, and `next` has none: what it serves would be gone with it. */
function losesAllServers(text: string, next: string): boolean {
  return SERVER.test(text) && !SERVER.test(next);
}
