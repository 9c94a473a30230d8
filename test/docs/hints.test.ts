import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { matchesGlob } from 'node:path';
import { expect, test } from 'vitest';

const root = new URL('../../', import.meta.url);
const read = (name: string) => readFileSync(new URL(name, root), 'utf8');

const withoutComments = (source: string) => source.replace(/\/\*\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');

/** Every page that a text of src names, such as a hint. */
const named = new Set(
  readdirSync(new URL('src/', root), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .flatMap((name) =>
      [...withoutComments(read(`src/${name}`)).matchAll(/\bdocs\/[\w/-]+\.md\b/g)].map(([page]) => page),
    ),
);

test('each page that a hint names is there, and in the npm package', () => {
  const { files } = JSON.parse(read('package.json')) as { files: string[] };
  expect(named).toContain('docs/settings.md');
  for (const page of named) {
    expect(existsSync(new URL(page, root)), page).toBe(true);
    expect(
      files.some((one) => matchesGlob(page, one)),
      `${page} in files of package.json`,
    ).toBe(true);
  }
});

test('the image has the pages that hints name, too', () => {
  expect(read('Dockerfile')).toMatch(/^COPY docs\/\*\.md \/opt\/pointsman\/docs\/$/m);
  expect(read('.dockerignore')).toMatch(/^!docs\/\*\.md$/m);
});
