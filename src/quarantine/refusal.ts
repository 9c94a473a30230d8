import type { PointsmanError } from '../errors.ts';
import { shorten } from '../model/shorten.ts';
import { wordsOf } from '../plan/blame.ts';

/** Why a text, or some changes, are not accepted. */
export type Refusal =
  | {
      readonly kind: 'refused';
      readonly output: string;
      readonly lines: readonly number[];
      readonly text: string;
    }
  | { readonly kind: 'template-error'; readonly error: PointsmanError }
  /** It makes Pointsman itself fail: rendering it, planning the way to it, or checking it threw what is a bug. */
  | { readonly kind: 'crashed'; readonly error: Error };

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
