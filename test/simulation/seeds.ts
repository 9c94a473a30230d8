import { expect, test } from 'vitest';
import { simulate } from './simulate.ts';

/** A test for each hundred of these seeds: every promise is kept in each. */
export function everyPromiseIsKept(from: number, to: number): void {
  for (let first = from; first <= to; first += 50) {
    const last = Math.min(to, first + 49);
    test(`every promise is kept with seeds ${first} to ${last}`, async () => {
      for (let seed = first; seed <= last; seed++) {
        const { violation } = await simulate({ seed });
        expect(violation?.what, `npm run simulate -- --seed ${seed} tells the story`).toBeUndefined();
      }
    }, 120_000);
  }
}
