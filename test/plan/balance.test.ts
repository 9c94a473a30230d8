import { describe, expect, it } from 'vitest';
import { golden, withBackend } from './golden.ts';

const ONE = 'server one 10.0.0.1:80';
const TWO = 'server two 10.0.0.2:80';
const WHY = /goes by ids: servers can come, go or move at run time only if every one has an id of its own$/;

describe.each(['random', 'random(3)'])('plan() of a backend with balance %s', (name) => {
  const change = (before: string[], after: string[], version: string) =>
    golden(withBackend(`balance ${name}`, ...before), withBackend(`balance ${name}`, ...after), { version });

  it.each(['2.6', '2.8.5'])(
    'asks for ids on %s: before 3.0 an arrival without one gets no requests',
    (version) => {
      const why = [expect.stringMatching(WHY)];
      expect(change([], [ONE], version)).toEqual(why);
      expect(change([ONE], [ONE, TWO], version)).toEqual(why);
      expect(change([ONE], [ONE, `${TWO} id 12`], version)).toEqual(why);
      expect(change([`${ONE} id 11`], [`${ONE} id 11`, `${TWO} id 12`], version)).toEqual([
        expect.stringMatching(/^add server b\/two 10\.0\.0\.2:80 .*id 12/),
        'enable server b/two',
      ]);
      expect(change([ONE], [`${ONE} weight 3`], version)).toEqual(['set server b/one weight 3']);
    },
  );
  it.each(['3.0', '3.2', '3.4'])('asks for none on %s', (version) => {
    expect(change([ONE], [ONE, TWO], version)).toEqual([
      'add server b/two 10.0.0.2:80 inter 2s',
      'enable server b/two',
    ]);
  });
});

describe('plan() of a backend that names no balance', () => {
  it.each(['2.6', '3.0', '3.2', '3.3', '3.4'])('lets servers come on %s', (version) => {
    expect(golden(withBackend(ONE), withBackend(ONE, TWO), { version }).at(-1)).toBe('enable server b/two');
  });
});
