import { expect, test } from 'vitest';
import { serverIds } from '../../src/model/server-ids.ts';

const many = Array.from({ length: 5000 }, (_, at) => ({ id: `host-${at % 500}:web:${at}` }));

test('every server of a backend has an id of its own, within the 20 bits that HAProxy 2.6 hashes', () => {
  const ids = Object.values(serverIds(many));
  expect(new Set(ids).size).toBe(many.length);
  expect(Math.min(...ids)).toBeGreaterThan(0);
  expect(Math.max(...ids)).toBeLessThan(2 ** 20);
});

test('an id does not depend on the order, nor (but for a collision) on who else is there', () => {
  const all = serverIds(many);
  expect(serverIds([...many].reverse())).toEqual(all);
  const few = many.slice(0, 3);
  expect(serverIds(few)).toEqual(Object.fromEntries(few.map(({ id }) => [id, all[id]])));
});

test('an instance may bear the name of something that every object has', () => {
  const ids = serverIds([{ id: '__proto__' }, { id: 'constructor' }]);
  expect(Object.keys(ids)).toHaveLength(2);
  expect(new Set(Object.values(ids)).size).toBe(2);
});
