import fc from 'fast-check';
import { expect, test } from 'vitest';
import { withChanges } from '../../src/model/sorted-list.ts';

test('withChanges() gives what sorting anew would give', () => {
  const order = (a: number, b: number) => a - b;
  const numbers = fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 20 });
  fc.assert(
    fc.property(numbers, numbers, numbers, (all, gone, more) => {
      const list = [...all].sort(order);
      const out = new Set(gone);
      expect(withChanges(list, { out, more, order })).toEqual(
        [...list.filter((one) => !out.has(one)), ...more].sort(order),
      );
    }),
  );
});
