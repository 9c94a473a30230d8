import { expect, test } from 'vitest';
import { unitsDrills } from './units.ts';

// Half a minute each on a machine at rest, and minutes before them where the images are not cached: the gate has the texts of the
// units, which systemd judges there (test/units).
const all = process.env.TEST_ALL === '1' ? unitsDrills : [];

test.each(all.map((drill) => [drill.name, drill] as const))(
  '%s',
  async (_, drill) => {
    const { seen } = await drill.run('short');
    expect(seen).toContain('0 of ');
  },
  900_000,
);

test('there is a life for each way to be announced', () => {
  expect(unitsDrills.map(({ name }) => name.split(';')[0])).toEqual([
    'units on systemd: a service and its partner in a container',
    'units on systemd: a service and its partner, a program of the host',
    'units on systemd: a service as the child of announce',
  ]);
});
