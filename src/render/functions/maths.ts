import { Fault } from '../site.ts';
import { integer } from './arguments.ts';

/** confd's sums of whole numbers, with the meaning of Go's operators. */
export const MATHS_FUNCTIONS = {
  add: (a: unknown, b: unknown) => integer(a, 'the first') + integer(b, 'the second'),
  sub: (a: unknown, b: unknown) => integer(a, 'the first') - integer(b, 'the second'),
  mul: (a: unknown, b: unknown) => integer(a, 'the first') * integer(b, 'the second'),
  /** Cut off towards zero: `div(-7, 2)` is `-3`. */
  div: (a: unknown, b: unknown) => Math.trunc(integer(a, 'the first') / divisor(b)) + 0,
  /** With the sign of the first: `mod(-7, 2)` is `-1`. */
  mod: (a: unknown, b: unknown) => (integer(a, 'the first') % divisor(b)) + 0,
};

function divisor(value: unknown): number {
  const number = integer(value, 'the second');
  if (number === 0) {
    throw new Fault('division by zero');
  }
  return number;
}
