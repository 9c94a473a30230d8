import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { chooseHaproxy } from './chosen-haproxy.ts';
import { cli, freePort, startHaproxy, tempFolder, waitFor } from './haproxy.ts';
import { haproxyOf } from './haproxy-versions.ts';
import { makeSite } from './pointsman.ts';

const versionOf = async (socket: string, command: string) =>
  /^Version: (\S+)/m.exec(await cli(socket, command).catch(() => ''))?.[1];

test('a chosen HAProxy is what tests start, what Pointsman judges by and what it starts, until the end', async () => {
  const PATH = process.env.PATH;
  {
    using chosen = chooseHaproxy('3.4');
    expect(chosen).toMatchObject({ name: '3.4', version: expect.stringMatching(/^3\.4\./) });
    await using folder = await tempFolder();
    const configPath = path.join(folder.path, 'haproxy.cfg');
    await writeFile(
      configPath,
      `defaults\n  timeout client 1s\nfrontend f\n  bind 127.0.0.1:${await freePort()}\n`,
    );
    await using own = await startHaproxy({ configPath });
    expect(await versionOf(own.masterSocket, '@1 show info')).toBe(chosen.version);

    await using site = await makeSite();
    await writeFile(path.join(site.folder, 'services.yaml'), 'services: {}\n');
    expect((await site.run('check')).stdout).toContain(`haproxy is ${chosen.version}`);
    await using daemon = await site.start();
    await daemon.ready();
    await waitFor(async () => (await versionOf(site.statsSocket, 'show info')) === chosen.version, {
      what: 'the chosen HAProxy to answer',
    });
  }
  expect(process.env.PATH).toBe(PATH);
});

test('a HAProxy is chosen by its path as well, and one that is missing is named', () => {
  using chosen = chooseHaproxy(haproxyOf('3.2').path);
  expect(chosen.name).toBe('3.2');
  expect(() => chooseHaproxy('./nowhere/haproxy')).toThrow(/there is no .*nowhere\/haproxy/);
  expect(() => chooseHaproxy('9.9')).toThrow('HAProxy 9.9 for the tests');
});
