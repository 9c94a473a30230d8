import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Command } from 'commander';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import { type AnnounceFlags, announceSettings } from '../../src/commands/announce-settings.ts';
import type { Io } from '../../src/commands/io.ts';
import { addCommands } from '../../src/commands/program.ts';
import { environmentName } from '../../src/settings/environment.ts';
import { SETTING_KEYS } from '../../src/settings/schema.ts';
import { tempFolder } from '../support/haproxy.ts';

/** Each flag of `announce`: as it is given, and what it is in a settings file. */
const FLAGS: Readonly<Record<string, readonly [given: readonly string[], written: unknown]>> = {
  service: [['web'], 'web'],
  instance: [['i-1'], 'i-1'],
  port: [['8080'], 8080],
  host: [['10.1.2.3'], '10.1.2.3'],
  interface: [['eth0'], 'eth0'],
  weight: [['7'], 7],
  tags: [['blue,canary'], ['blue', 'canary']],
  meta: [['version=1.2'], ['version=1.2']],
  owner: [['me'], 'me'],
  ttl: [['90s'], '90s'],
  check: [['/healthz'], '/healthz'],
  rise: [['4'], 4],
  fall: [['5'], 5],
  interval: [['3s'], '3s'],
  drain: [['9s'], '9s'],
  container: [['web-1'], 'web-1'],
  containerPort: [['8081'], 8081],
  engine: [['unix:///run/d.sock'], 'unix:///run/d.sock'],
  listen: [['127.0.0.1:9291'], '127.0.0.1:9291'],
  timeout: [['40s'], '40s'],
  all: [[], true],
  registratorLabels: [[], true],
  leave: [[], true],
  once: [[], true],
  adopt: [[], true],
  exec: [
    ['node', 'server.js'],
    ['node', 'server.js'],
  ],
};

/** Flags for what is no setting of `announce`: which file, any setting, `log.level`, `etcd.endpoints`. */
const OTHERS = ['config', 'set', 'logLevel', 'etcd'];

const ETCD = { POINTSMAN_ETCD_ENDPOINTS: 'http://127.0.0.1:1' };

function announceCommand(): Command {
  const program = new Command('pointsman');
  addCommands(program, { out: () => {}, err: () => {} } as unknown as Io, () => {});
  return program.commands.find((one) => one.name() === 'announce') as Command;
}

test('every flag of announce is a setting of its name, and every such setting a flag', () => {
  const names = announceCommand().options.map((option) => option.attributeName());
  const own = names.filter((name) => !OTHERS.includes(name)).toSorted();
  const settings = SETTING_KEYS.map((key) => key.path).filter((name) => name.startsWith('announce.'));
  expect(own.map((name) => `announce.${name}`)).toEqual(settings.toSorted());
  expect(own).toEqual(Object.keys(FLAGS).toSorted());
});

test.each(Object.entries(FLAGS))(
  'announce takes %s alike as a flag, from the environment and from a file',
  async (name, [given, written]) => {
    await using folder = await tempFolder();
    const configPath = path.join(folder.path, 'pointsman.yaml');
    const settingsBy = async (way: {
      readonly flag?: readonly string[];
      readonly env?: Readonly<Record<string, string>>;
      readonly file?: unknown;
    }) => {
      await writeFile(configPath, stringify(way.file ?? {}));
      const command = announceCommand();
      const { operands, unknown } = command.parseOptions([...(way.flag ?? [])]);
      const flags = { ...command.opts<AnnounceFlags>(), config: configPath };
      const io = { env: { ...ETCD, ...way.env }, cwd: folder.path } as unknown as Io;
      return (await announceSettings(io, flags, [...operands, ...unknown])).announce;
    };
    const long = announceCommand().options.find((one) => one.attributeName() === name)?.long ?? '';
    const variable = environmentName(`announce.${name}`) ?? '';
    const inVariable = typeof written === 'object' ? JSON.stringify(written) : String(written);
    const byFlag = await settingsBy({ flag: [long, ...given] });
    expect(byFlag).not.toEqual(await settingsBy({}));
    expect(byFlag).toEqual(await settingsBy({ env: { [variable]: inVariable } }));
    expect(byFlag).toEqual(await settingsBy({ file: { announce: { [name]: written } } }));
  },
);
