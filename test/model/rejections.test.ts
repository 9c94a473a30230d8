import fc from 'fast-check';
import { expect, test } from 'vitest';
import { byKeyAndReason } from '../../src/model/rejection.ts';
import { Rejections } from '../../src/model/rejections.ts';
import type { Rejection } from '../../src/model/service.ts';

const rejected: fc.Arbitrary<Rejection[]> = fc.array(
  fc.record({
    key: fc.constantFrom('/a', '/b', '/c'),
    value: fc.constant(''),
    reason: fc.constantFrom('wrong', 'taken'),
  }),
  { maxLength: 4 },
);

test('Rejections lists what each part rejects now, sorted, and the same array while nothing changed', () => {
  const step = fc.record({ part: fc.nat(2), list: rejected, read: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
      const rejections = new Rejections();
      const parts: (readonly Rejection[])[] = [[], [], []];
      for (const { part, list, read } of steps) {
        const before = parts[part] ?? [];
        // Some of them stay the same objects.
        const after = [...before.slice(0, 1), ...list];
        rejections.replace(before, after);
        parts[part] = after;
        if (read) {
          expect(rejections.list).toEqual(parts.flat().sort(byKeyAndReason));
          expect(rejections.list).toBe(rejections.list);
        }
      }
      expect(rejections.list).toEqual(parts.flat().sort(byKeyAndReason));
    }),
  );
});
