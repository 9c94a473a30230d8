import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const root = new URL('../../', import.meta.url);

test('CONTRIBUTING says what each folder of src is for, and of none that is not there', () => {
  const text = readFileSync(new URL('CONTRIBUTING.md', root), 'utf8');
  const said = [...text.matchAll(/^ {4}src\/([a-z]+)\/ +\S/gm)].map(([, name]) => name);
  const there = readdirSync(new URL('src/', root), { withFileTypes: true })
    .filter((one) => one.isDirectory())
    .map(({ name }) => name);
  expect(said.toSorted()).toEqual(there.toSorted());
});

test('each command that CONTRIBUTING and README name is a script of package.json', () => {
  const { scripts } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));
  const named = ['CONTRIBUTING.md', 'README.md'].flatMap((file) =>
    [
      ...readFileSync(new URL(file, root), 'utf8').matchAll(
        /\bnpm run (?:--silent )?([a-z]+(?::[a-z0-9]+)?)/g,
      ),
    ].map(([, name]) => name),
  );
  expect(named).toContain('test:all');
  expect(named.filter((name) => name === undefined || scripts[name] === undefined)).toEqual([]);
});
