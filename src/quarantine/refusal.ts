import { shorten } from '../model/shorten.ts';
import { wordsOf } from '../plan/blame.ts';
import type { Refusal } from '../ports/judge.ts';

export type { Refusal };

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
