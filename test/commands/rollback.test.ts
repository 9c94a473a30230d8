import { expect, test } from 'vitest';
import type { Io } from '../../src/commands/io.ts';
import { type RollbackFlags, rollback } from '../../src/commands/rollback.ts';

const io = { env: {} } as unknown as Io;

test.each<readonly [string, Partial<RollbackFlags>, RegExp]>([
  ['none', {}, /expected a whole number over 0/],
  ['0', {}, /expected a whole number over 0/],
  ['7', { for: '30m' }, /--for goes with --exact/],
  ['7', { exact: true }, /with --exact it has to be said for how long, over 0 and up to 2h/],
  ['7', { exact: true, for: '0s' }, /reading --for 0s: /],
  ['7', { exact: true, for: '121m' }, /reading --for 121m: /],
  ['7', { exact: true, for: 'soon' }, /reading --for soon: /],
])('rollback %s %o is refused before anything is asked', async (number, flags, why) => {
  await expect(rollback(io, { set: [], ...flags }, number)).rejects.toMatchObject({
    code: 'usage',
    message: expect.stringMatching(why),
  });
});
