import type { Catalog } from '../model/catalog.ts';
import type { Verdict } from '../ports/judge.ts';
import type { Wake } from '../ports/wake.ts';
import type { CompiledTemplate } from '../render/compile-template.ts';
import type { ServedTree } from '../tree/served-tree.ts';

/** Which template is in use, and which is refused. */
export interface TemplateInUse {
  readonly current: CompiledTemplate | undefined;
  /** The newest, while it is refused and the last good one stands in for it. */
  readonly refused: CompiledTemplate | undefined;
  /** True while the one in use was never part of a good text, though another one was. */
  readonly isNew: boolean;
  /** The last good one takes the place of the newest. False where there is none. */
  refuse(why: string): boolean;
  /** The refused one turned out to be good now. */
  readmit(template: CompiledTemplate): boolean;
}

/** What the quarantine asks of others: the tree that is served, a text of any tree, a verdict, and another pass. */
export interface QuarantineNeeds {
  readonly served: ServedTree;
  readonly drawing: {
    readonly templates: TemplateInUse;
    render(catalog: Catalog, template: CompiledTemplate): Promise<{ readonly text: string }>;
    /** The same, to find what is refused: with less time, and after whatever else waits. */
    tryRender(catalog: Catalog, template: CompiledTemplate, signal: AbortSignal): Promise<string>;
    /** What stands in the place of whatever is drawn; null where nothing does. */
    readonly rollback: object | null;
    /** The text that was drawn last is good, and so is its template. */
    accepted(): void;
  };
  readonly judge: {
    /** Judges a rendered text as it would be published. */
    checkRendered(text: string, signal: AbortSignal): Promise<Verdict>;
  };
  /** Those of some `bind` lines that somebody is in the way of right now; null where that cannot be seen. */
  readonly inTheWay: (binds: readonly string[]) => Promise<ReadonlySet<string> | null>;
  /** Plans the way from what HAProxy runs to a text, and throws where it cannot: a bug. */
  readonly plan: (text: string) => void;
  readonly mailbox: Wake;
}
