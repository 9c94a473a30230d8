import { expect, test } from 'vitest';
import { isLent } from '../../src/commands/check-ports.ts';

const RANGE = '32768\t60999\n';

test.each([
  [32767, '\n', false],
  [32768, '\n', true],
  [60999, '\n', true],
  [61000, '\n', false],
  [40000, '40000\n', false],
  [40000, '39000-41000,45000\n', false],
  [45000, '39000-41000,45000\n', false],
  [42000, '39000-41000,45000\n', true],
])('isLent() says of the port %i, with %j reserved, %s', (port, reserved, lent) => {
  expect(isLent(port, RANGE, reserved)).toBe(lent);
});

test('isLent() says no where the kernel does not tell its range', () => {
  expect(isLent(40000, '', '')).toBe(false);
});
