import { PointsmanError } from '../errors.ts';
import type { Verdict } from '../ports/judge.ts';
import type { RollbackWish } from '../ports/stores.ts';
import type { Drawing } from '../rollout/drawing.ts';
import { Rollback, type RolledBack } from '../rollout/rollback.ts';
import type { ServedTree } from '../tree/served-tree.ts';

/** What a rollback is tried with. */
export interface TryRollbackOptions {
  readonly drawing: Pick<Drawing, 'renderWhole' | 'rollback' | 'templates'>;
  readonly served: Pick<ServedTree, 'toDraw'>;
  /** Judges a rendered text as it would be published. */
  readonly check: (text: string) => Promise<Verdict>;
}

/** What would come of a rollback. */
export type TriedRollback =
  | { readonly kind: 'fine'; readonly rolledBack: RolledBack }
  /** What is drawn is that text: there is nothing to do. */
  | { readonly kind: 'same' }
  /** There is nothing to take the servers from; what is missing, for people. */
  | { readonly kind: 'nothing'; readonly missing: string }
  /** Servers of these backends stand under conditions: which ones they are cannot be told. */
  | { readonly kind: 'conditional'; readonly backends: readonly string[] }
  /** No server would be left of those that there are. */
  | { readonly kind: 'empty' }
  | {
      readonly kind: 'refused';
      readonly text: string;
      readonly output: string;
      readonly lines: readonly number[];
    }
  | { readonly kind: 'broken'; readonly message: string };

/** Makes the text that a rollback would give right now, and has it judged; nothing is changed. */
export async function tryRollback(
  wish: RollbackWish,
  { drawing, served, check }: TryRollbackOptions,
): Promise<TriedRollback> {
  const rollback = new Rollback(wish);
  const backends = rollback.conditional;
  if (backends.length > 0) {
    return { kind: 'conditional', backends };
  }
  const tree = served.toDraw();
  const template = drawing.templates.current;
  if (tree.kind === 'nothing') {
    return tree;
  }
  if (!template) {
    return { kind: 'nothing', missing: drawing.templates.error?.message ?? 'the template was not read yet' };
  }
  let drawn: string;
  try {
    drawn = (await drawing.renderWhole(tree.catalog, template)).text;
  } catch (error) {
    if (error instanceof PointsmanError) {
      return { kind: 'nothing', missing: error.message };
    }
    throw error;
  }
  const rolledBack = rollback.putBack(drawn, tree.catalog.services);
  const { text, servers } = rolledBack;
  if (text === drawn && drawing.rollback === null) {
    return { kind: 'same' };
  }
  if (servers === 0 && (rolledBack.emptied.length > 0 || rolledBack.absent.length > 0)) {
    return { kind: 'empty' };
  }
  const verdict = await check(text);
  switch (verdict.kind) {
    case 'accepted':
      return { kind: 'fine', rolledBack };
    case 'refused':
      return { kind: 'refused', text, output: verdict.output, lines: verdict.lines };
    case 'broken':
      return verdict;
    default:
      return verdict satisfies never;
  }
}
