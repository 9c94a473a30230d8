import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { cli, startHaproxy, waitFor } from '../support/haproxy.ts';
import { type HaproxyBinary, haproxyOf } from '../support/haproxy-versions.ts';
import { type Daemon, makeSite, type Site } from '../support/pointsman.ts';

const TEMPLATE = `{% extends "pointsman/haproxy.cfg.njk" %}
{% block global_extra %}
  description for-{{ haproxy.version }}
{% endblock %}
{% block extra %}
{% for s in services %}
{% memo s %}
# {{ s.name }} on {{ haproxy.version }}
{% endmemo %}
{% endfor %}
{% endblock %}
`;

/** Pointsman that judges by PATH's HAProxy, beside one of another container. */
async function siteFor(mode: string): Promise<Site> {
  const reload = { reloadCommand: ['sh', '-c', 'kill -USR2 $(cat haproxy.pid)'] };
  const site = await makeSite({
    haproxy: { mode, pidFile: './haproxy.pid', ...(mode === 'command' ? reload : {}) },
    more: { template: './own/haproxy.cfg.njk' },
  });
  await writeFile(path.join(site.folder, 'services.yaml'), 'services: { web: { a: "127.0.0.1:9" } }\n');
  await mkdir(path.join(site.folder, 'own'));
  await writeFile(path.join(site.folder, 'own', 'haproxy.cfg.njk'), TEMPLATE);
  return site;
}

const versionsIn = (text: string) =>
  [...new Set(text.match(/(?<=description for-|# web on )[\d.]+/g))].map((v) => v.replace(/\.\d+$/, ''));
const described = async (site: Site) =>
  /^description: for-(\d+\.\d+)/m.exec(await cli(site.statsSocket, 'show info').catch(() => ''))?.[1];
const judgeIn = async (daemon: Daemon) =>
  (await daemon.status()).judge as { version: string | null; trouble: string | null };
const warnings = (daemon: Daemon) =>
  daemon.log().filter(({ event, level }) => event === 'judged-by' && level !== 'debug');

/** Runs HAProxy until `work` is done. */
async function withHaproxy(binary: HaproxyBinary, site: Site, work: () => Promise<void>): Promise<void> {
  const { configPath, masterSocket, folder } = site;
  const pidFile = path.join(folder, 'haproxy.pid');
  await using _haproxy = await startHaproxy({ binary: binary.path, configPath, masterSocket, pidFile });
  await work();
}

test.each(['master-socket', 'signal', 'command'])(
  'in mode %s templates see the HAProxy that runs, are rendered anew when it is another, and a judge of another branch is told once',
  async (mode) => {
    await using site = await siteFor(mode);
    await using daemon = await site.start();
    const file = () => readFile(site.configPath, 'utf8').catch(() => '');
    // None answers: the judge's.
    await waitFor(async () => versionsIn(await file()).join() === '2.6', { what: 'the first file' });
    expect(await judgeIn(daemon)).toMatchObject({ version: expect.stringMatching(/^2\.6\./), trouble: null });

    await withHaproxy(haproxyOf('3.4'), site, async () => {
      await waitFor(async () => (await described(site)) === '3.4', { what: '3.4 to run its own text' });
      await daemon.ready();
      expect(versionsIn(await file())).toEqual(['3.4']);
      const dry = await site.run('render', '--dry-run', '--exit-code');
      expect([dry.code, versionsIn(dry.stdout)]).toEqual([0, ['3.4']]);
      const words = /HAProxy 3\.4\.\S+ runs, but 2\.6\.\S+ judges/;
      await waitFor(async () => words.test((await judgeIn(daemon)).trouble ?? ''), { what: 'the status' });
      expect(warnings(daemon).map(({ msg }) => String(msg))).toEqual([expect.stringMatching(words)]);
      const check = await site.run('check');
      expect([check.code, check.stdout]).toEqual([1, expect.stringMatching(words)]);
    });

    await withHaproxy(haproxyOf('2.6'), site, async () => {
      await waitFor(async () => (await described(site)) === '2.6', { what: '2.6 to run its own text' });
      await waitFor(async () => (await judgeIn(daemon)).trouble === null, { what: 'the status' });
      expect(versionsIn(await file())).toEqual(['2.6']);
      expect(warnings(daemon)).toHaveLength(1);
      const newer = path.join(site.folder, 'newer', 'haproxy');
      await mkdir(path.dirname(newer));
      await writeFile(
        newer,
        '#!/bin/sh\ncase "$1" in -v) echo "HAProxy version 2.6.99-1";; *) exec haproxy "$@";; esac\n',
        { mode: 0o755 },
      );
      const upgraded = await site.run('check', '--set', `haproxy.binary=${newer}`);
      expect(upgraded.stdout).toMatch(
        /^note +version +HAProxy 2\.6\.\S+ runs, and 2\.6\.99-1 lies on the disk/m,
      );
    });
  },
);

test('check asks the HAProxy that the check command runs, and says where it cannot', async () => {
  const { path: other } = haproxyOf('3.2');
  const checked = async (checkCommand: readonly string[]) => {
    await using site = await makeSite({ haproxy: { mode: 'master-socket', checkCommand } });
    await writeFile(path.join(site.folder, 'services.yaml'), 'services: {}\n');
    return await site.run('check');
  };
  const wrapped = await checked(['env', 'A=1', other, '-c', '-f', '{config}']);
  expect([wrapped.code, wrapped.stdout]).toEqual([
    0,
    expect.stringMatching(/ok +haproxy +env A=1 .* is 3\.2\./),
  ]);
  const hidden = await checked(['sh', '-c', 'exec haproxy -c -f "$0"', '{config}']);
  expect(hidden.code).toBe(0);
  expect(hidden.stdout).toMatch(/note +haproxy +sh -c .* judges, and cannot be asked for its version/);
});
