import { expect, test } from 'vitest';
import { attacks } from './attacks.ts';

/** In each moment of the generated writes at least so many: `npm run test:all` has every one of them alone. */
const MOMENT = process.env.TEST_ALL === undefined ? 50 : 1;

test.each(attacks.filter(({ isLong }) => !isLong))(
  '$name: the untouched service loses no request, and the next change goes out',
  async (attack) => {
    expect(await attack.run({ form: 'short', seed: 7, writes: 2000, moment: MOMENT })).toMatch(
      /^0 of \d+ requests failed/,
    );
  },
  480_000,
);
