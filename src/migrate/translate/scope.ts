import type { Code } from './code.ts';
import type { GoType } from './types.ts';

/** A variable of Go's, and what it is here. */
export interface Variable {
  /** Its name here. */
  readonly name: string;
  /** By what its type is remembered from pass to pass. */
  readonly key: string;
}

/** What is visible at a place of a template. */
export interface Scope {
  readonly dot: Code;
  readonly root: Code;
  readonly variables: Map<string, Variable>;
  /** The names that are taken here. */
  readonly visible: Set<string>;
  /** The loop that `break` and `continue` end, and the names that say so. */
  readonly loop: { readonly stopped: string | null; readonly skipped: string } | null;
}

/** A scope inside of another: its variables end with it. */
export function innerScope(scope: Scope, more: Partial<Pick<Scope, 'dot' | 'loop'>> = {}): Scope {
  return { ...scope, ...more, variables: new Map(scope.variables), visible: new Set(scope.visible) };
}

/** Types by the place of a declaration, or by the name of a template: learned in one pass for the next. */
export type Types = Map<string, GoType>;
