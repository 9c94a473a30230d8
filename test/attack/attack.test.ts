import { expect, test } from 'vitest';
import { attacks } from './attacks.ts';

/** `npm run test:all` has more of them, `npm run attack` as many as one likes. */
const WRITES = process.env.TEST_ALL === undefined ? 500 : 2000;

test.each(attacks.filter(({ isLong }) => !isLong))(
  '$name: the untouched service loses no request, and the next change goes out',
  async (attack) => {
    expect(await attack.run({ form: 'short', seed: 7, writes: WRITES })).toMatch(/^0 of \d+ requests failed/);
  },
  240_000,
);
