import fc from 'fast-check';
import { arbitraryTree } from '../hostile/arbitrary-tree.ts';
import { CALM } from './target.ts';

/** A key and its value, as whoever has write access may put it; null: it is deleted. */
export type Write = readonly [key: string, value: string | null];

/** etcd takes no empty key, and gRPC no half of a surrogate pair. */
const isText = (text: string) => text.isWellFormed();
/** Who may write the keys of a service may take it away: that is no attack on another one. */
const isOfCalm = (key: string) => new RegExp(`^/(?:services|routes)/${CALM}(?:/|$)`).test(key);

const evil = fc.constantFrom<Write>(
  // What the untouched service has: its host, every host, its place as the default.
  ['/routes/evil', JSON.stringify({ hosts: [CALM] })],
  ['/routes/evil', JSON.stringify({ hosts: ['*'] })],
  ['/routes/evil', JSON.stringify({ hosts: [CALM], paths: ['/'] })],
  ['/services/evil/calm', '127.0.0.1:1'],
  ['/services/evil/one;shutdown sessions', '127.0.0.1:1'],
  ['/services/evil/a\n disable server be_calm/one', '127.0.0.1:1'],
  ['/services/CALM/one', '127.0.0.1:1'],
  ['/services/calm./one', '127.0.0.1:1'],
  ['/services/__proto__/constructor', '127.0.0.1:1'],
  ['/routes/__proto__', '{"hosts":["x"],"__proto__":{"mode":"tcp"}}'],
  ['/haproxy/loop', `${' '.repeat(60_000)}x`],
  ['/haproxy/slashes', `a${'/'.repeat(60_000)}b`],
);

/** Writes of one moment: mostly good, often odd, sometimes evil; now and then some of them go again. */
export const arbitraryWrites: fc.Arbitrary<readonly Write[]> = fc
  .tuple(
    fc.array(arbitraryTree, { minLength: 3, maxLength: 3 }),
    fc.array(evil, { maxLength: 3 }),
    fc.array(fc.nat(60), { maxLength: 6 }),
  )
  .map(([trees, more, gone]): readonly Write[] => {
    const writes = [...trees.flat().map(({ key, value }): Write => [key, value]), ...more].filter(
      ([key, value]) => key !== '' && isText(`${key}${value}`) && !isOfCalm(key),
    );
    return writes.map(([key, value], at) => [key, gone.includes(at) ? null : value]);
  });

/** So many writes by a seed, in the moments in which they come: at least `least` in each. */
export function* writesOf(seed: number, count: number, least = 1): Generator<readonly Write[]> {
  let [moment, sum]: [Write[], number] = [[], 0];
  for (let at = 0; sum + moment.length < count; at++) {
    const [more = []] = fc.sample(arbitraryWrites, { seed: seed + at, numRuns: 1 });
    moment.push(...more);
    if (moment.length >= least) {
      yield moment;
      sum += moment.length;
      moment = [];
    }
  }
  if (moment.length > 0) {
    yield moment;
  }
}
