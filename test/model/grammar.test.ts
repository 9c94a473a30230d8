import { expect, test } from 'vitest';
import { classifyKey } from '../../src/model/keys.ts';
import { ReadEntry } from '../../src/model/read-entry.ts';
import { entry, OPTIONS } from '../support/catalog.ts';

test('prefixes alone are no grammar, which would read without the rules of the settings, and a grammar is no prefixes', () => {
  const { grammar } = OPTIONS;
  const one = entry('/services/web/a', '10.0.0.1:80');
  expect(ReadEntry.of(one, grammar).meaning.kind).toBe('instance');
  expect(classifyKey(one.key, grammar.prefixes).kind).toBe('instance');
  // @ts-expect-error: without the rules
  expect(() => ReadEntry.of(one, grammar.prefixes)).toThrow(TypeError);
  // @ts-expect-error: with them
  expect(() => classifyKey(one.key, grammar)).toThrow(TypeError);
});
