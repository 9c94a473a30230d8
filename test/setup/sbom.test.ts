import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

interface Packages {
  readonly packages: Readonly<Record<string, { readonly version?: string; readonly dev?: boolean }>>;
}
interface Bom {
  readonly bomFormat: string;
  readonly components: readonly { readonly name: string; readonly version: string; readonly purl: string }[];
}

test('npm run sbom lists every package that is shipped with its version, and none that is not', async () => {
  const { stdout } = await execa('sh', ['scripts/sbom.sh'], { cwd: ROOT });
  const bom = JSON.parse(stdout) as Bom;
  expect(bom.bomFormat).toBe('CycloneDX');
  const listed = new Set(bom.components.map(({ purl }) => decodeURIComponent(purl.replace(/\?.*/, ''))));
  const { packages } = JSON.parse(await readFile(`${ROOT}package-lock.json`, 'utf8')) as Packages;
  const shipped = Object.entries(packages).filter(([path, { dev }]) => path !== '' && !dev);
  const wanted = shipped.map(
    ([path, { version }]) => `pkg:npm/${path.slice(path.lastIndexOf('node_modules/') + 13)}@${version}`,
  );
  expect([...listed].sort()).toEqual([...new Set(wanted)].sort());
  const { dependencies } = JSON.parse(await readFile(`${ROOT}package.json`, 'utf8')) as {
    dependencies: Record<string, string>;
  };
  const names = new Set(bom.components.map(({ name }) => name));
  expect(Object.keys(dependencies).filter((name) => !names.has(name))).toEqual([]);
});

test('docs/decisions/dependencies.md reviews every package of run time', async () => {
  const docs = await readFile(`${ROOT}docs/decisions/dependencies.md`, 'utf8');
  const review = docs.slice(docs.indexOf('## Review'));
  const { dependencies } = JSON.parse(await readFile(`${ROOT}package.json`, 'utf8')) as {
    dependencies: Record<string, string>;
  };
  for (const name of Object.keys(dependencies)) {
    expect(review).toContain(`| \`${name}\``);
  }
});

test('the only package of run time with an install script is the one that the review names, and it is not run', async () => {
  const { packages } = JSON.parse(await readFile(`${ROOT}package-lock.json`, 'utf8')) as {
    packages: Record<string, { readonly dev?: boolean; readonly hasInstallScript?: boolean }>;
  };
  const scripts = Object.entries(packages).filter(([, one]) => one.hasInstallScript && !one.dev);
  expect(scripts.map(([path]) => path)).toEqual(['node_modules/protobufjs']);
  const { allowScripts } = JSON.parse(await readFile(`${ROOT}package.json`, 'utf8'));
  expect(allowScripts).toEqual({ protobufjs: false });
});
