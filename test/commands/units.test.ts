import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { tempFolder } from '../support/haproxy.ts';
import { runToEnd } from '../support/pointsman.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const DEFINITION = `announce:
  image: registry.example.com/pointsman:0.1.0
services:
  web:
    image: web:git-1a2b3c4
    ports: [8080]
  api:
    image: api:git-1a2b3c4
    ports: [8080]
`;
const UNITS = ['api-presence@1.service', 'api@1.service', 'web-presence@1.service', 'web@1.service'];

async function startFolder() {
  const temp = await tempFolder();
  await writeFile(path.join(temp.path, 'services.yaml'), DEFINITION);
  return {
    path: temp.path,
    file: (name: string) => path.join(temp.path, name),
    units: (...args: string[]) => runToEnd([MAIN, 'units', 'services.yaml', ...args], temp.path),
    [Symbol.asyncDispose]: () => temp[Symbol.asyncDispose](),
  };
}

test('units are printed, written, and the same as what was written', async () => {
  await using folder = await startFolder();
  const printed = await folder.units();
  expect(printed.code, printed.stderr).toBe(0);
  expect([...printed.stdout.matchAll(/^# --- (.*)$/gm)].map(([, name]) => name)).toEqual(UNITS);
  const written = await folder.units('--out', 'units');
  expect(written.stdout).toBe(UNITS.map((name) => `written ${name}\n`).join(''));
  for (const name of UNITS) {
    expect(printed.stdout).toContain(await readFile(folder.file(`units/${name}`), 'utf8'));
  }
  for (const flag of ['--out', '--diff', '--check']) {
    expect(await folder.units(flag, 'units')).toEqual({ code: 0, stdout: '', stderr: '' });
  }
});

test('--check names what differs and exits with 4, --diff shows it, --out makes it right and leaves the rest alone', async () => {
  await using folder = await startFolder();
  await folder.units('--out', 'units');
  await writeFile(folder.file('units/README.md'), 'of somebody else\n');
  await rm(folder.file('units/web-presence@1.service'));
  await writeFile(
    folder.file('services.yaml'),
    DEFINITION.replace('web:git-1a2b3c4', 'web:git-5e6f7a8').replace(/ {2}api:[\s\S]*$/, ''),
  );
  const checked = await folder.units('--check', 'units');
  expect(checked.code).toBe(4);
  expect(checked.stdout).toBe(
    'left over api-presence@1.service\nleft over api@1.service\nmissing web-presence@1.service\ndiffers web@1.service\n',
  );
  const { code, stdout } = await folder.units('--diff', 'units');
  expect(code).toBe(0);
  expect(stdout).toContain('\n-  web:git-1a2b3c4\n+  web:git-5e6f7a8\n');
  expect(stdout).toMatch(/^--- api@1\.service\tthere\n\+\+\+ \/dev\/null/m);
  expect(stdout).toMatch(/^--- \/dev\/null\tthere\n\+\+\+ web-presence@1\.service/m);
  expect((await readdir(folder.file('units'))).toSorted()).toEqual(
    ['README.md', 'api-presence@1.service', 'api@1.service', 'web@1.service'].toSorted(),
  );
  expect((await folder.units('--out', 'units')).stdout).toBe(
    'removed api-presence@1.service\nremoved api@1.service\nwritten web-presence@1.service\nwritten web@1.service\n',
  );
  expect((await folder.units('--check', 'units')).code).toBe(0);
  expect((await readdir(folder.file('units'))).toSorted()).toEqual(
    ['README.md', 'web-presence@1.service', 'web@1.service'].toSorted(),
  );
});

test('a folder that is not there differs in everything', async () => {
  await using folder = await startFolder();
  const { code, stdout } = await folder.units('--check', 'nowhere');
  expect(code).toBe(4);
  expect(stdout).toBe(UNITS.map((name) => `missing ${name}\n`).join(''));
});

test('a template of somebody takes the place of the packaged one, and may extend it; what is wrong in it is told with its line', async () => {
  await using folder = await startFolder();
  await mkdir(folder.file('own'));
  await writeFile(
    folder.file('own/service.njk'),
    '{% extends "pointsman/units/service.njk" %}\n{% block service_extra %}\nSlice={{ vars.service }}.slice\n{% endblock %}\n',
  );
  const { stdout } = await folder.units('--templates', 'own');
  expect(stdout).toContain('\nSlice=web.slice\n');
  expect(stdout).toContain('ExecStart=/usr/bin/docker run --rm');
  await writeFile(folder.file('own/service.njk'), '[Unit]\nDescription={{ vars.servcie }}\n');
  const refused = await folder.units('--templates', 'own');
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain('template service.njk, line 2');
  expect(refused.stderr).toContain('did you mean "service"?');
  await writeFile(folder.file('own/service.njk'), '[Service]\nExecStart=/bin/true\n[X-Fleet]\nGlobel=true\n');
  const fleet = await folder.units('--templates', 'own', '--format', 'fleet');
  expect(fleet.code).toBe(2);
  expect(fleet.stderr).toContain('writing api@1.service for fleet: [X-Fleet] knows no Globel');
});

test('bad usage exits with 2 and says what would fit', async () => {
  await using folder = await startFolder();
  for (const [args, said] of [
    [['--format', 'systemds'], 'there is no such format\n  did you mean "systemd"?'],
    [['--hosts', 'nowhere.yaml'], 'reading nowhere.yaml: there is no such file'],
    [['--out', 'a', '--check', 'a'], '--out and --check do not go together'],
    [['--environment', 'qa1'], 'there is no such environment'],
  ] as const) {
    const { code, stderr } = await folder.units(...args);
    expect([code, stderr]).toEqual([2, expect.stringContaining(said)]);
  }
  await writeFile(folder.file('services.yaml'), DEFINITION.replace('web:git-1a2b3c4', 'web:latest'));
  const { code, stderr } = await folder.units();
  expect(code).toBe(2);
  expect(stderr).toContain('services.yaml:5: services.web.image: web:latest is another image tomorrow');
});
