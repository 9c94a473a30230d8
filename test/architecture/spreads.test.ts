import { expect, it } from 'vitest';
import { sourceFiles } from './source-file.ts';
import { spreadCalls } from './spreads.ts';

/** What may stay, and why. */
const FINE: Readonly<Record<string, string>> = {
  'render/bounded-filters.ts: (original[name] as AnyFunction).apply(self, args)':
    'as many as a template writes',
  'render/strict-lookup.ts: value.apply(target, args)': 'as many as a template writes',
  'render/strict-runtime.ts: fn.apply(context, plain)': 'as many as a template writes',
  'render/strict-runtime.ts: fn.apply(context, args)': 'as many as a template writes',
  'render/strict-runtime.ts: macro.apply(this, args)': 'as many as a template writes',
  'rollout/runtime-changes.ts: runtime.apply(batch, signal)': 'a method of ours',
};

it('no call of the sources gets a list of any length as its arguments', () => {
  const found = spreadCalls(sourceFiles());
  expect(found.filter((one) => FINE[one] === undefined)).toEqual([]);
  expect(Object.keys(FINE).filter((one) => !found.includes(one))).toEqual([]);
});

it.each([
  ['all.push(...some);', 1],
  ['all.push(1, ...some.map((one) => one + 1));', 1],
  ['const most = Math.max(...waits, 0);', 1],
  ['all?.unshift(...(some as never[]));', 1],
  ['new Set(...(some));', 1],
  ['text = String.fromCharCode.apply(null, codes);', 1],
  ["text = String.fromCharCode['apply'](null, codes);", 1],
  ['Reflect.apply(f, null, some);', 1],
  ['const f = (...rest: number[]) => [...rest, { ...rest }];', 0],
  ['const text = "f(...all)"; // f(...all)\nconst r = /f\\(...all\\)/;', 0],
  ['class A { f(...rest: number[]): number[] { return this.g([...rest]); } }', 0],
  ['new Map([...one, ...other]); f({ ...one });', 0],
])('sees in %s that the arguments are a list: %i', (text, count) => {
  expect(spreadCalls([{ path: 'a.ts', text }])).toHaveLength(count);
});
