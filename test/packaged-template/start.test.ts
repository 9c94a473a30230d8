import { chmod, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { PACKAGED_TEMPLATE } from '../../src/templates/read-template-set.ts';
import { renderTree } from '../golden/render-case.ts';
import { cli, freePort, startBackend, startHaproxy, tempFolder, waitFor } from '../support/haproxy.ts';
import { type HaproxyBinary, haproxyVersions } from '../support/haproxy-versions.ts';

const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0;

/** What HAProxy warns of while it starts and reloads with the packaged template; `jail` is an empty folder. */
async function warningsOf(
  haproxy: HaproxyBinary,
  varsOf: (jail: string) => Readonly<Record<string, unknown>>,
  uid?: number,
): Promise<readonly string[]> {
  await using folder = await tempFolder();
  await chmod(folder.path, 0o777);
  const jail = path.join(folder.path, 'jail');
  await mkdir(jail);
  await using backend = await startBackend('web');
  const statsSocket = path.join(folder.path, 'stats.sock');
  const vars = { bind: `127.0.0.1:${await freePort()}`, stats: `127.0.0.1:${await freePort()}`, nbthread: 1 };
  const settings = {
    haproxy: { statsSocket },
    vars: { ...vars, ...varsOf(jail) },
  };
  const tree = {
    services: { web: { a: backend.address }, db: { a: backend.address } },
    routes: { db: { mode: 'tcp', port: await freePort() }, web: { timeouts: { queue: 50 } } },
  };
  const [yaml, given] = [JSON.stringify(tree), JSON.stringify(settings)];
  const { text } = await renderTree(yaml, given, PACKAGED_TEMPLATE, `${haproxy.name}.1`);
  const configPath = path.join(folder.path, 'haproxy.cfg');
  await writeFile(configPath, text);
  await using running = await startHaproxy({
    binary: haproxy.path,
    configPath,
    ...(uid === undefined ? {} : { uid }),
  });
  const pid = async () => /^Pid: (\d+)/m.exec(await cli(statsSocket, 'show info').catch(() => ''))?.[1];
  const first = await pid();
  const atStart = running.output();
  await cli(running.masterSocket, 'reload').catch(() => '');
  await waitFor(async () => ![first, undefined].includes(await pid()), { what: 'the worker after a reload' });
  // What is said of the old worker's end is not about the configuration.
  const ofTheEnd = new RegExp(`\\(${first}\\)`);
  const atReload = running.output().slice(atStart.length).split('\n');
  return [...atStart.split('\n'), ...atReload.filter((line) => !ofTheEnd.test(line))].filter((line) =>
    /^\[(?:WARNING|ALERT)\]/.test(line),
  );
}

describe.each(haproxyVersions)('the packaged template on HAProxy $name', (haproxy) => {
  test('starts and reloads without a warning as a user without rights', async () => {
    expect(await warningsOf(haproxy, () => ({}), isRoot ? NOBODY : undefined)).toEqual([]);
  });

  if (isRoot) {
    test('starts and reloads as root without a warning, with user, group and chroot', async () => {
      const vars = { user: NOBODY, group: NOBODY };
      expect(await warningsOf(haproxy, (chroot) => ({ ...vars, chroot }))).toEqual([]);
      expect(await warningsOf(haproxy, () => ({ ...vars, chroot: 'auto' }))).toEqual([]);
    });
  }
});
