import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { loadSettings } from '../../src/settings/load-settings.ts';
import { complaints } from '../support/systemd-analyze.ts';

const FOLDER = fileURLToPath(new URL('../../examples/coreos/', import.meta.url));
const UNITS = ['haproxy@.service', 'pointsman-announce.service', 'pointsman.service'];

const unit = z.strictObject({
  name: z.string().regex(/^[\w@-]+\.service$/),
  enabled: z.boolean().exactOptional(),
  contents: z.string().exactOptional(),
});

/** The part of Butane's specification (flatcar 1.1.0) that the example may use; an unknown key is an error. */
const butane = z.strictObject({
  variant: z.literal('flatcar'),
  version: z.literal('1.1.0'),
  storage: z.strictObject({
    files: z.array(
      z.strictObject({
        path: z.string().startsWith('/'),
        mode: z.int(),
        contents: z.strictObject({ inline: z.string() }),
      }),
    ),
  }),
  systemd: z.strictObject({ units: z.array(unit) }),
});

async function unitsOf(kind: 'systemd' | 'fleet'): Promise<Record<string, string>> {
  const texts = UNITS.map(
    async (name) => [name, await readFile(`${FOLDER}${kind}/${name}`, 'utf8')] as const,
  );
  return Object.fromEntries(await Promise.all(texts));
}

/** The sections of a unit: name -> its lines. */
function sections(text: string): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  let current: string[] = [];
  for (const line of text.split('\n').filter((one) => one !== '' && !one.startsWith('#'))) {
    const title = /^\[(.+)\]$/.exec(line)?.[1];
    if (title === undefined) {
      current.push(line);
    } else {
      found[title] = current = [];
    }
  }
  return found;
}

describe.each(['systemd', 'fleet'] as const)('the %s units', (kind) => {
  test('are accepted by systemd without a word', async () => {
    expect((await readdir(`${FOLDER}${kind}`)).sort()).toEqual(UNITS);
    expect(await complaints(await unitsOf(kind))).toBe('');
  });

  test('run one image on the host network, with the same folders and no root', async () => {
    const { 'haproxy@.service': haproxy = '', 'pointsman.service': pointsman = '' } = await unitsOf(kind);
    expect(/^Environment=IMAGE=.*$/m.exec(haproxy)?.[0]).toBe(/^Environment=IMAGE=.*$/m.exec(pointsman)?.[0]);
    for (const text of [haproxy, pointsman]) {
      expect(text).toContain('--network host');
      expect(text).toContain('--read-only --cap-drop ALL');
      expect(text).toMatch(/--volume \/etc\/haproxy:\/etc\/haproxy(:ro)? /);
      expect(text).toContain('--volume /run/haproxy:/run/haproxy ');
      expect(text).toContain('-o 990 -g 990');
    }
  });
});

test.each(UNITS)('%s is started again however often it failed', async (name) => {
  for (const kind of ['systemd', 'fleet'] as const) {
    expect(sections((await unitsOf(kind))[name] ?? '').Unit).toContain('StartLimitIntervalSec=0');
  }
});

test('the unit that announces has what it needs of the host: the engine, who the machine is, and a state that stays', async () => {
  const { 'pointsman-announce.service': text = '' } = await unitsOf('systemd');
  for (const needed of ['/run/docker.sock:/var/run/docker.sock', '/etc/machine-id:', '/var/lib/pointsman:']) {
    expect(text).toContain(`--volume ${needed}`);
  }
  expect(text).toContain('--network host');
  expect(text).toContain('--read-only --cap-drop ALL');
  expect(text).toMatch(/\$\{IMAGE\} pointsman announce --all'/);
});

test('systemd-analyze does complain where a unit is wrong', async () => {
  expect(
    await complaints({ 'bad.service': '[Service]\nExecStart=/usr/bin/docker run\nRestrat=always\n' }),
  ).toContain('Restrat');
});

test('the fleet units are the systemd units with [X-Fleet] in place of [Install]', async () => {
  const [systemd, fleet] = await Promise.all([unitsOf('systemd'), unitsOf('fleet')]);
  for (const name of UNITS) {
    const { Install, ...rest } = sections(systemd[name] ?? '');
    expect(Install).toContain('WantedBy=multi-user.target');
    expect(sections(fleet[name] ?? '')).toEqual({ ...rest, 'X-Fleet': ['Global=true'] });
  }
});

test('the Butane file is valid and holds the units and the settings of the folder', async () => {
  const text = await readFile(`${FOLDER}butane.yaml`, 'utf8');
  // Butane reads YAML 1.1, where 0644 is octal.
  const file = butane.parse(parse(text, { version: '1.1', uniqueKeys: true }));
  const contents = Object.fromEntries(
    file.systemd.units.flatMap((one) => (one.contents ? [[one.name, one.contents]] : [])),
  );
  expect(contents).toEqual(await unitsOf('systemd'));
  expect(await complaints(contents)).toBe('');
  expect(file.systemd.units.filter((one) => one.enabled).map((one) => one.name)).toEqual([
    'docker.service',
    'haproxy@a.service',
    'pointsman.service',
    'pointsman-announce.service',
  ]);
  expect(file.storage.files).toEqual([
    {
      path: '/etc/pointsman/pointsman.yaml',
      mode: 0o644,
      contents: { inline: await readFile(`${FOLDER}pointsman.yaml`, 'utf8') },
    },
  ]);
});

test("the settings of the CoreOS hosts are valid and drive a HAProxy that is somebody else's", async () => {
  const settings = await loadSettings({ configPath: `${FOLDER}pointsman.yaml`, env: {}, cwd: FOLDER });
  expect(settings.haproxy.mode).toBe('master-socket');
});
