import { expect, test } from 'vitest';
import { attacks } from './attacks.ts';

test.each(attacks.filter(({ isLong }) => !isLong))(
  '$name: the untouched service loses no request, and the next change goes out',
  async (attack) => {
    expect(await attack.run({ form: 'short', seed: 7, writes: 2000 })).toMatch(/^0 of \d+ requests failed/);
  },
  240_000,
);
