import { execFileSync } from 'node:child_process';
import { copyFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { cli, freePort, request, startHaproxy, startLoad, tempFolder, waitFor } from '../support/haproxy.ts';
import { haproxyVersions } from '../support/haproxy-versions.ts';
import { simpleConfig } from './simple-config.ts';

const STEPS = haproxyVersions.slice(1).map((to, at) => ({ from: haproxyVersions[at] ?? to, to }));

/** What docs/upgrading.md says of a HAProxy whose program is replaced on the disk. */
test.each(STEPS)(
  'after its program was replaced, a reload of HAProxy $from.name runs $to.name, and no request is lost',
  async ({ from, to }) => {
    await using folder = await tempFolder();
    const [binary, configPath] = [path.join(folder.path, 'haproxy'), path.join(folder.path, 'h.cfg')];
    const statsSocket = path.join(folder.path, 's.sock');
    const port = await freePort();
    await writeFile(configPath, simpleConfig({ port, statsSocket }));
    await install(from.path, binary);
    await using haproxy = await startHaproxy({ binary, configPath });
    const version = async () =>
      /^Version: (\d+\.\d+)/m.exec(await cli(statsSocket, 'show info').catch(() => ''))?.[1];
    expect(await version()).toBe(from.name);
    await waitFor(async () => (await request(`http://127.0.0.1:${port}/`)).status === 200);
    await using load = startLoad(`http://127.0.0.1:${port}/`);
    await waitFor(() => load.ok() > 20);
    await install(to.path, binary);
    expect(await version()).toBe(from.name);
    await cli(haproxy.masterSocket, 'reload').catch(() => '');
    await waitFor(async () => (await version()) === to.name);
    const seen = load.ok();
    await waitFor(() => load.ok() > seen + 20);
    expect(load.failures()).toEqual([]);
  },
);

/** Puts a program in another's place, as a package manager does it. */
async function install(program: string, target: string): Promise<void> {
  const found = program.includes('/')
    ? program
    : execFileSync('which', [program], { encoding: 'utf8' }).trim();
  await copyFile(found, `${target}.new`);
  await rename(`${target}.new`, target);
}
