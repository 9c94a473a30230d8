import { access, rm, utimes } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { FAKE_NPM, type ScratchProject, scratchProject } from './scratch-project.ts';

/** A project whose set-up finds HAProxy and everything else of the machine there. */
async function project(): Promise<ScratchProject> {
  const made = await scratchProject();
  await made.fake('npm', FAKE_NPM);
  await made.fake('haproxy', 'exit 0');
  return made;
}

test('set-up on a machine with Node 20 fetches Node 24, installs the packages with it and builds', async () => {
  await using it = await project();
  await it.fake('node', 'echo v20.20.2');
  const { code, said } = await it.run('setup.sh');
  expect(code).toBe(0);
  expect(said.split('\n')).toEqual([
    expect.stringMatching(
      /^setup: fetching Node 24 into \.cache\/node \(this machine's v20\.20\.2 does not fit/,
    ),
    'setup: installing the packages of package-lock.json (npm ci)',
    'setup: building dist/',
    expect.stringMatching(/^setup: all is in place\./),
  ]);
  const own = process.version.split('.')[0];
  expect(await it.calls()).toEqual([
    expect.stringMatching(/^npm ci with v20: .* --prefix \S+\/\.cache\/node-24$/),
    expect.stringMatching(new RegExp(`^npm ci with ${own}: `)),
  ]);
  expect(await it.read('dist/main.js')).toContain('one');
  expect((await it.run('node.sh', path.join(it.folder, 'dist/main.js'))).said).toBe('one');
});

test('a Node whose checksum is not the one of the lock file, which npm then leaves out, is not taken for fetched', async () => {
  await using it = await project();
  await it.fake('node', 'echo v20.20.2');
  await it.fake('npm', 'log "npm $1"');
  const { code, said } = await it.run('setup.sh');
  expect(code).toBe(1);
  expect(said).toMatch(/npm gave no node-linux-\S+ that is what scripts\/node\/package-lock\.json says/);
  expect(await it.calls()).toEqual(['npm ci']);
});

test('the lock file of the Node that is fetched has a checksum for each system, and a version that fits', async () => {
  await using it = await project();
  const { packages } = JSON.parse(await it.read('scripts/node/package-lock.json'));
  const { '': _, ...nodes } = packages as Record<
    string,
    { version: string; integrity: string; resolved?: string }
  >;
  expect(Object.keys(nodes).toSorted()).toEqual(
    ['darwin-x64', 'linux-arm64', 'linux-x64'].map((system) => `node_modules/node-${system}`),
  );
  for (const { version, integrity, resolved } of Object.values(nodes)) {
    expect([version, integrity, resolved]).toEqual([
      expect.stringMatching(/^24\.\d+\.\d+$/),
      expect.stringMatching(/^sha512-[\w+/]{86}==$/),
      undefined,
    ]);
  }
});

test('a Node of the machine that fits is used as it is', async () => {
  await using it = await project();
  expect((await it.run('setup.sh', '--quiet')).code).toBe(0);
  await expect(access(path.join(it.folder, '.cache/node'))).rejects.toThrow();
});

test('set-up that is done costs less than a second, and with --quiet it says nothing', async () => {
  await using it = await project();
  await it.run('setup.sh');
  await it.calls();
  const again = await it.run('setup.sh', '--quiet');
  expect(again).toMatchObject({ code: 0, said: '' });
  expect(again.milliseconds).toBeLessThan(1000);
  expect(await it.calls()).toEqual([]);
  expect((await it.run('setup.sh')).said).toMatch(/^setup: all is in place\.[^\n]*$/);
});

test('dist is built anew after a change of the sources, and only then', async () => {
  await using it = await project();
  await it.run('setup.sh');
  const builds = async () => (await it.run('setup.sh', '--quiet')).said === 'setup: building dist/';

  await utimes(path.join(it.folder, 'src/main.ts'), new Date(), new Date());
  expect(await builds()).toBe(false);
  await it.write('src/other.ts', 'export const other = 1;\n');
  expect(await builds()).toBe(true);
  await access(path.join(it.folder, 'dist/other.js'));
  await rm(path.join(it.folder, 'src/other.ts'));
  expect(await builds()).toBe(true);
  await expect(access(path.join(it.folder, 'dist/other.js'))).rejects.toThrow();
  await rm(path.join(it.folder, 'dist'), { recursive: true });
  expect(await builds()).toBe(true);
  expect(await builds()).toBe(false);
});

test('a build that fails leaves the old dist and fails again until it is mended', async () => {
  await using it = await project();
  await it.run('setup.sh');
  await it.write('src/main.ts', 'const one: number = "no";\n');
  for (let time = 0; time < 2; time += 1) {
    const failed = await it.run('setup.sh', '--start');
    expect(failed.code).not.toBe(0);
    expect(failed.said).toContain('src/main.ts');
    expect(await it.read('dist/main.js')).toContain('one');
  }
  await it.write('src/main.ts', "console.log('two');\n");
  expect((await it.run('setup.sh')).code).toBe(0);
  expect(await it.read('dist/main.js')).toContain('two');
});

test('what an interrupted set-up left half done is done again', async () => {
  await using it = await project();
  await it.fake('node', 'echo v20.20.2');
  await it.run('setup.sh');
  await it.calls();

  await rm(path.join(it.folder, 'node_modules/.pointsman-lock'));
  await it.run('setup.sh');
  expect(await it.calls()).toEqual([expect.stringMatching(/^npm ci/)]);

  await rm(path.join(it.folder, '.cache/node-24'), { recursive: true });
  await it.run('setup.sh');
  expect(await it.calls()).toEqual([expect.stringMatching(/^npm ci .*--prefix/)]);
});

test('a changed lock file has its packages installed, and an npm that fails is not taken for done', async () => {
  await using it = await project();
  await it.run('setup.sh');
  await it.calls();
  await it.write('package-lock.json', `${await it.read('package-lock.json')}\n`);
  await it.fake('npm', 'log "npm $1"; echo "npm error: no network" >&2; exit 1');
  const failed = await it.run('setup.sh');
  expect(failed.code).not.toBe(0);
  expect(failed.said).toContain('no network');
  await it.fake('npm', FAKE_NPM);
  expect((await it.run('setup.sh')).code).toBe(0);
  expect(await it.calls()).toEqual(['npm ci', expect.stringMatching(/^npm ci with/)]);
});

test('set-up succeeds without HAProxy where it cannot be installed, but for npm start it is a must', async () => {
  await using it = await project();
  await it.write('scripts/apt-install.sh', "echo 'setup: only root can install' >&2; exit 1\n");
  const plain = await it.run('setup.sh');
  expect(plain.code).toBe(0);
  expect(plain.said).toContain('only root can install');
  expect((await it.run('setup.sh', '--start')).code).toBe(1);
});

test('an unknown option is refused', async () => {
  await using it = await project();
  expect(await it.run('setup.sh', '--tset')).toMatchObject({
    code: 2,
    said: expect.stringContaining('--tset'),
  });
});
