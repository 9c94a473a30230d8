import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { fleetComplaints } from '../../src/units/fleet-rules.ts';
import type { Format } from '../../src/units/unit-view.ts';
import { complaints } from '../support/systemd-analyze.ts';
import { unitsOf } from './units-of.ts';

const golden = (name: string) => fileURLToPath(new URL(`golden/${name}`, import.meta.url));
const read = (path: string) => readFile(new URL(`../../${path}`, import.meta.url), 'utf8');

interface Case {
  readonly name: string;
  readonly format: Format;
  readonly environment?: string;
  readonly definition: string;
  readonly hosts?: string;
}

const EXAMPLE = { definition: 'examples/units/services.yaml', hosts: 'examples/units/hosts.yaml' };
const FULL = { definition: 'test/units/golden/full.yaml' };
const CASES: readonly Case[] = (['systemd', 'fleet', 'butane'] as const).flatMap((format) => [
  { name: `production.${format}`, format, environment: 'production', ...EXAMPLE },
  { name: `full.${format}`, format, ...FULL },
]);

async function filesOf({ definition, hosts, ...rest }: Case): Promise<Record<string, string>> {
  return unitsOf(await read(definition), {
    ...rest,
    ...(hosts === undefined ? {} : { hosts: await read(hosts) }),
  });
}

describe.each(CASES)('$name', (one) => {
  test('is what it was', async () => {
    const files = Object.entries(await filesOf(one)).map(([path, text]) => `==> ${path}\n${text}`);
    await expect(files.join('\n')).toMatchFileSnapshot(golden(one.name));
  });

  test('is the same when it is made again', async () => {
    expect(await filesOf(one)).toEqual(await filesOf(one));
  });
});

/** The units of each host. */
function byHost(files: Record<string, string>): Record<string, string>[] {
  const hosts = Object.groupBy(
    Object.entries(files).filter(([path]) => path.endsWith('.service')),
    ([path]) => path.replace(/[^/]*$/, ''),
  );
  return Object.values(hosts).map((entries = []) =>
    Object.fromEntries(entries.map(([path, text]) => [path.replace(/^.*\//, ''), text])),
  );
}

const mounted = { 'srv-parent.mount': '[Mount]\nWhat=/dev/null\nWhere=/srv/parent\n' };

test.each(CASES.filter(({ format }) => format !== 'butane'))(
  'systemd takes the units of $name without a word',
  async (one) => {
    for (const units of byHost(await filesOf(one))) {
      expect(Object.keys(units).length).toBeGreaterThan(1);
      expect(await complaints({ ...units, ...mounted })).toBe('');
    }
  },
);

test.each(CASES.filter(({ format }) => format === 'fleet'))('fleet takes the units of $name', async (one) => {
  for (const units of byHost(await filesOf(one))) {
    for (const [name, text] of Object.entries(units)) {
      expect(fleetComplaints(name, text)).toEqual([]);
      expect(text.split('\n').every((line) => Buffer.byteLength(line) < 2_048)).toBe(true);
    }
  }
});

test('a Butane file holds the units that systemd gets on that host, the services enabled', async () => {
  const systemd = await filesOf({ name: '', format: 'systemd', environment: 'production', ...EXAMPLE });
  const butane = await filesOf({ name: '', format: 'butane', environment: 'production', ...EXAMPLE });
  expect(Object.keys(butane)).toEqual(['node1.yaml', 'node2.yaml', 'node3.yaml', 'node4.yaml']);
  for (const [path, text] of Object.entries(butane)) {
    // Butane reads YAML 1.1, where 0644 is octal.
    const { variant, version, storage, systemd: part } = parse(text, { version: '1.1' });
    expect([variant, version]).toEqual(['flatcar', '1.1.0']);
    expect(storage.files).toEqual([
      {
        path: '/etc/pointsman/pointsman.env',
        mode: 0o644,
        contents: { inline: (systemd['pointsman.env'] ?? '').replace(/^#.*\n/, '') },
      },
    ]);
    const folder = path.replace('.yaml', '/');
    const withoutFirst = (unit: string) => unit.replace(/^#.*\n/, '');
    const [docker, ...units] = part.units;
    expect(docker).toEqual({ name: 'docker.service', enabled: true });
    expect(
      Object.fromEntries(
        units.map((unit: { name: string; contents: string }) => [
          `${folder}${unit.name}`,
          withoutFirst(unit.contents),
        ]),
      ),
    ).toEqual(
      Object.fromEntries(
        Object.entries(systemd)
          .filter(([name]) => name.startsWith(folder))
          .map(([name, unit]) => [name, withoutFirst(unit)]),
      ),
    );
    for (const unit of units) {
      expect(unit.enabled === true).toBe(!unit.name.includes('-presence@'));
    }
  }
});
