import { readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { createJudge } from '../../src/haproxy/check.ts';
import { controlByMasterSocket } from '../../src/haproxy/control-master-socket.ts';
import { keepHealth, serverStateFile } from '../../src/haproxy/server-state.ts';
import { hashText, withMark } from '../../src/plan/mark.ts';
import { freePort, startBackend, startLoad, startProcess, tempFolder, waitFor } from '../support/haproxy.ts';
import { type HaproxyBinary, haproxyVersions } from '../support/haproxy-versions.ts';
import { makeRuntimeSite, never, type RuntimeSite, type RuntimeSiteOptions } from './runtime-fixture.ts';

describe.each(haproxyVersions)('on HAProxy $name', (binary) => {
  test('after a reload no server that was DOWN gets traffic, and none that was UP waits for a check', async () => {
    await using a = await startBackend('a');
    const dead = `127.0.0.1:${await freePort()}`;
    await using site = await makeHealthSite(binary, [
      `server a ${a.address} check`,
      `server dead ${dead} check`,
    ]);
    await waitFor(async () => (await site.servers())[1]?.endsWith('state 0'));
    await using load = startLoad(site.url, { pause: 1 });
    const slow = ['check inter 30s downinter 30s', `server dead ${dead} check inter 30s downinter 30s`];
    for (let round = 0; round < 3; round++) {
      const before = load.ok();
      await site.reload([`server a ${a.address} ${slow[0]} weight ${round + 2}`, slow[1] ?? '']);
      expect(await site.servers()).toEqual([
        `a ${a.address} weight ${round + 2} admin 0 state 2`,
        `dead ${dead} weight 1 admin 0 state 0`,
      ]);
      await waitFor(() => load.ok() > before + 20);
    }
    expect(load.failures()).toEqual([]);
    expect(await readFile(site.stateFile, 'utf8')).toBe('1\n');
  });

  if (Number(binary.name) >= 3.2) {
    test('with init-state down a server that was UP serves on after a reload, and a new one waits for its check', async () => {
      await using a = await startBackend('a');
      const dead = `127.0.0.1:${await freePort()}`;
      const says = 'check init-state down inter 200ms fastinter 200ms downinter 30s';
      const slow = 'check init-state fully-down inter 30s downinter 30s';
      await using site = await makeHealthSite(binary, [
        `server a ${a.address} ${says}`,
        `server dead ${dead} ${says}`,
      ]);
      await waitFor(async () => (await site.servers()).map((row) => row.at(-1)).join() === '2,0');
      await using load = startLoad(site.url, { pause: 1 });
      for (let round = 0; round < 3; round++) {
        const before = load.ok();
        const servers = [`server a ${a.address} ${slow} weight ${round + 2}`, `server dead ${dead} ${slow}`];
        await site.reload([...servers, `server new ${a.address} ${slow}`]);
        expect((await site.servers()).map((row) => row.at(-1))).toEqual(['2', '0', '0']);
        await waitFor(() => load.ok() > before + 20);
      }
      expect(load.failures()).toEqual([]);
    });
  }

  test('one that is DOWN comes back by its check, at the address that the new text gives', async () => {
    const [one, two, three] = [await freePort(), await freePort(), await freePort()];
    const lines = [
      `server port 127.0.0.1:${one} check`,
      `server host 127.0.0.1:${two} check`,
      `server both 127.0.0.1:${three} check weight 5`,
      `server unchecked 127.0.0.1:${one} check`,
    ];
    await using site = await makeHealthSite(binary, lines);
    await waitFor(async () => (await site.servers()).every((row) => row.endsWith('state 0')));
    await using _back = await startBackend('back', { port: three });
    await site.reload([
      `server new 127.0.0.1:${three} check`,
      `server port 127.0.0.1:${three} check inter 30s downinter 30s`,
      `server host 127.0.0.2:${two} check`,
      `server both 127.0.0.1:${three} check weight 7`,
      `server unchecked 127.0.0.1:${three}`,
    ]);
    expect((await site.servers())[1]).toBe(`port 127.0.0.1:${three} weight 1 admin 0 state 2`);
    expect((await site.servers()).map((row) => row.replace(/ state \d$/, ''))).toEqual([
      `new 127.0.0.1:${three} weight 1 admin 0`,
      `port 127.0.0.1:${three} weight 1 admin 0`,
      `host 127.0.0.2:${two} weight 1 admin 0`,
      `both 127.0.0.1:${three} weight 7 admin 0`,
      `unchecked 127.0.0.1:${three} weight 1 admin 0`,
    ]);
    await waitFor(async () => (await site.servers()).filter((row) => row.endsWith('state 2')).length >= 4);
  });

  test('weights, maintenance and addresses that were changed at run time do not outlive the reload', async () => {
    const [one, two] = [await freePort(), await freePort()];
    const lines = [`server a 127.0.0.1:${one} check`, `server b 127.0.0.1:${two} check`];
    await using site = await makeHealthSite(binary, lines);
    await waitFor(async () => (await site.servers()).every((row) => row.endsWith('state 0')));
    await site.cli(
      `set server be/a weight 9; set server be/b addr 127.0.0.9 port 9; set server be/b state maint`,
    );
    await site.reload([...lines, `server c 127.0.0.1:${one}`]);
    const rows = await site.servers();
    expect(rows).toEqual([
      `a 127.0.0.1:${one} weight 1 admin 0 state 0`,
      `b 127.0.0.1:${two} weight 1 admin 0 state ${rows[1]?.at(-1)}`,
      `c 127.0.0.1:${one} weight 1 admin 0 state 2`,
    ]);
  });

  test('at rest the file is there and holds nothing: neither a check nor a start warns, also with -dW', async () => {
    await using site = await makeHealthSite(binary, ['server a 127.0.0.1:1 check']);
    const judge = createJudge({
      path: site.configPath,
      access: {},
      checkCommand: [binary.path, '-dW', '-c', '-f', '{config}'],
      checkTimeout: 10_000,
    });
    expect(await judge.check(site.text('server a 127.0.0.1:2 check'), never)).toEqual({
      kind: 'accepted',
      warnings: '',
    });
    await using start = await startProcess(binary.path, ['-dW', '-c', '-f', site.configPath]);
    expect(await start.ended).toBe(0);
    expect(((await stat(site.stateFile)).mode & 0o777).toString(8)).toBe('640');
  });

  test('however the configuration writes the line: quotes, comments, blanks, CRLF, no last line break', async () => {
    await using a = await startBackend('a');
    const dead = `127.0.0.1:${await freePort()}`;
    const lines = (inter: string) => [
      `server a ${a.address} check`,
      `server dead ${dead} check inter ${inter} downinter 30s fastinter ${inter}`,
    ];
    await using site = await makeHealthSite(binary, lines('300ms'));
    await waitFor(async () => (await site.servers())[1]?.endsWith('state 0'));
    const line = `  server-state-file ${site.stateFile}\n`;
    const rewrite = (instead: string) => (text: string) => text.replace(line, instead);
    for (const form of [
      rewrite(`  server-state-file "${site.stateFile}"\n`),
      rewrite(`\tserver-state-file '${site.stateFile}' \t \n`),
      rewrite(`  server-state-file ${site.stateFile} # who is down\n`),
      rewrite(`  "server-state-file"   ${site.stateFile}#\n`),
      (text: string) => text.replaceAll('\n', '\r\n'),
      (text: string) => text.trimEnd(),
    ]) {
      await site.reload(lines('30s'), form);
      expect((await site.servers())[1]).toBe(`dead ${dead} weight 1 admin 0 state 0`);
    }
  });

  test('a configuration that does not ask for it, or a HAProxy that is away, costs nothing', async () => {
    await using folder = await tempFolder();
    const file = stateFileOf(folder.path, { path: path.join(folder.path, 'cfg.servers') });
    expect(await file.fill(never)).toBe(0);
    await writeFile(
      path.join(folder.path, 'haproxy.cfg'),
      `global\n  server-state-file ${folder.path}/cfg.servers\n`,
    );
    expect(await file.fill(never)).toBe(0);
    expect(await readFile(path.join(folder.path, 'cfg.servers'), 'utf8')).toBe('1\n');
  });
});

test('a file that cannot be written is told with what it means, and hinders nothing', async () => {
  await using folder = await tempFolder();
  const said: string[] = [];
  const file = stateFileOf(folder.path, {
    path: path.join(folder.path, 'none', 'servers'),
    onTrouble: (message) => said.push(message),
  });
  await file.clear();
  expect(said).toEqual([
    expect.stringMatching(
      /^writing .*: the folder does not exist \(ENOENT\): servers that are down get traffic after/,
    ),
  ]);
});

function stateFileOf(folder: string, options: { path: string; onTrouble?: (message: string) => void }) {
  return serverStateFile({
    statsSocket: path.join(folder, 's.sock'),
    configPath: path.join(folder, 'haproxy.cfg'),
    access: { mode: 0o640 },
    onTrouble: (message) => {
      throw new Error(message);
    },
    ...options,
  });
}

/** A site whose reloads carry the health over. */
async function makeHealthSite(
  binary: HaproxyBinary,
  servers: readonly string[],
): Promise<
  RuntimeSite & {
    stateFile: string;
    reload(servers: readonly string[], form?: (text: string) => string): Promise<void>;
  }
> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await tempFolder());
  const stateFile = path.join(folder.path, 'haproxy.cfg.servers');
  await stateFileOf(folder.path, { path: stateFile }).clear();
  const options: RuntimeSiteOptions = {
    global: [`server-state-file ${stateFile}`],
    defaults: ['load-server-state-from-file global'],
  };
  const site = stack.use(await makeRuntimeSite(binary, servers, options));
  const file = serverStateFile({
    path: stateFile,
    statsSocket: site.statsSocket,
    configPath: site.configPath,
    access: { mode: 0o640 },
    onTrouble: (message) => {
      throw new Error(message);
    },
  });
  const masterSocket = site.haproxy.masterSocket;
  const control = keepHealth(controlByMasterSocket({ masterSocket, configPath: site.configPath }), file);
  stack.use(control);
  const owned = stack.move();
  return Object.assign(site, {
    stateFile,
    async reload(lines: readonly string[], form = (text: string) => text) {
      const text = form(site.text(...lines));
      await writeFile(site.configPath, withMark(text));
      expect(await control.reload(hashText(text), never)).toMatchObject({ kind: 'verified' });
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  });
}
