import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
let project: string;

/** The example as its users have it: a project of its own in which the built package is installed. */
beforeAll(async () => {
  if (!existsSync(join(ROOT, 'dist/testing/render-fixture.js'))) {
    throw new Error('dist/ is not built: run npm run setup');
  }
  project = await mkdtemp(join(tmpdir(), 'custom-template-'));
  await cp(join(ROOT, 'examples/custom-template'), project, { recursive: true });
  await mkdir(join(project, 'node_modules'));
  await symlink(ROOT, join(project, 'node_modules/pointsman'));
  for (const name of ['vitest', '@types', 'vite']) {
    await symlink(join(ROOT, 'node_modules', name), join(project, 'node_modules', name));
  }
});
afterAll(() => rm(project, { recursive: true }));

describe('examples/custom-template', () => {
  it('passes its own tests against the built package', async () => {
    const vitest = join(project, 'node_modules/vitest/vitest.mjs');
    const { stdout } = await execa(process.execPath, [vitest, 'run', '--root', project], {
      cwd: project,
      env: { CI: 'true', NO_COLOR: '1' },
    });
    expect(stdout).toMatch(/Tests\s+3 passed/);
  });

  it('finds the types of the built package', async () => {
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
    const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2024', '--types', 'node'];
    const { stdout } = await execa(process.execPath, [tsc, ...options, 'haproxy.test.ts'], { cwd: project });
    expect(stdout).toBe('');
  });

  it('agreed on a configuration that HAProxy accepts', async () => {
    await execa('haproxy', ['-c', '-f', join(ROOT, 'examples/custom-template/expected.cfg')]);
  });
});
