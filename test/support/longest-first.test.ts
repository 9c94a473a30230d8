import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { LONG_FILES } from './longest-first.ts';

test('the files that begin first are there, each once', () => {
  const missing = LONG_FILES.filter((name) => !existsSync(new URL(`../${name}.test.ts`, import.meta.url)));
  expect(missing).toEqual([]);
  expect(new Set(LONG_FILES).size).toBe(LONG_FILES.length);
});
