import { shorten } from '../model/shorten.ts';
import { wordsOf } from '../plan/blame.ts';
import type { Refusal, RefusedBy } from '../ports/judge.ts';

export type { Refusal };

/** Why a part is left out: for people, and who says so. */
export interface Blame {
  readonly words: string;
  readonly by: RefusedBy;
  /** The `bind` lines that this host refuses. @default none */
  readonly binds?: readonly string[];
}

/** Who refuses. */
export function refusedBy(refusal: Refusal): RefusedBy {
  return (refusal.kind === 'refused' ? refusal.by : undefined) ?? 'check';
}

/** What a refusal says, for people. */
export function wordsOfRefusal(refusal: Refusal): string {
  switch (refusal.kind) {
    case 'refused':
      return wordsOf(refusal.output);
    case 'template-error':
      return refusal.error.message;
    case 'crashed':
      return `Pointsman itself fails over it, which is a bug: ${shorten(String(refusal.error), 300)}`;
  }
}
