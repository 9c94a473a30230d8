import { copyFile, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createServer } from 'node:tls';
import { describe, expect, test } from 'vitest';
import { createJudge } from '../../src/haproxy/check.ts';
import { controlByMasterSocket } from '../../src/haproxy/control-master-socket.ts';
import { HandRecord, type HandRecordOptions } from '../../src/haproxy/hand-record.ts';
import { serverStateFile } from '../../src/haproxy/server-state.ts';
import { hashText, withMark } from '../../src/plan/mark.ts';
import { createStateFile } from '../../src/state/state-file.ts';
import { makeAuthority, makeCertificates } from '../support/certificates.ts';
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

  test('a server whose check is another than before starts as a new one; how often it is checked changes nothing', async () => {
    await using web = await startBackend('web');
    const slow = 'check inter 30s fastinter 30s downinter 30s rise 3';
    const said = {
      port: `port ${await freePort()}`,
      ssl: 'ssl verify none',
      proxy: 'send-proxy',
      same: 'ssl verify none',
    };
    const names = ['port', 'ssl', 'proxy', 'same'] as const;
    const lines = (of: Partial<typeof said>, pace: string) =>
      names.map((name) => `server ${name} ${web.address} ${pace} ${of[name] ?? ''}`);
    await using site = await makeHealthSite(binary, lines(said, 'check'), {
      backend: ['option httpchk GET /'],
    });
    await waitFor(async () => (await site.servers()).every((row) => row.endsWith('state 0')));
    const states = async () => (await site.servers()).map((row) => `${row.split(' ')[0]} ${row.at(-1)}`);
    await site.reload(lines(said, slow));
    expect(await states()).toEqual(['port 0', 'ssl 0', 'proxy 0', 'same 0']);
    await site.reload(lines({ same: said.same }, `${slow} weight 7`));
    expect(await states()).toEqual(['port 2', 'ssl 2', 'proxy 2', 'same 0']);
  });

  test('so does one whose backend is checked otherwise', async () => {
    await using web = await startBackend('web');
    const lines = [`server web ${web.address} check inter 30s fastinter 30s downinter 30s fall 1 rise 3`];
    const isDown = async () => (await site.servers())[0]?.endsWith('state 0');
    const expects = (status: number) => ['option httpchk GET /', `http-check expect status ${status}`];
    await using site = await makeHealthSite(binary, lines, { backend: expects(299) });
    await waitFor(isDown);
    const [before, after] = [expects(299)[1] ?? '', expects(200)[1] ?? ''];
    await site.reload(lines, (text) => text.replace('retries 0', 'retries 1\n  option log-health-checks'));
    expect(await isDown()).toBe(true);
    await site.reload(lines, (text) => text.replace(before, after));
    expect(await isDown()).toBe(false);
  });

  test('so does one whose defaults are checked otherwise', async () => {
    await using web = await startBackend('web');
    const lines = [`server web ${web.address} check inter 30s fastinter 30s downinter 30s fall 1 rise 3`];
    const isDown = async () => (await site.servers())[0]?.endsWith('state 0');
    await using site = await makeHealthSite(binary, lines, { backend: ['option ssl-hello-chk'] });
    await waitFor(isDown);
    const toDefaults = (text: string) =>
      text.replace('  option ssl-hello-chk\n', '').replace('retries 0', 'option ssl-hello-chk');
    await site.reload(lines, toDefaults);
    expect(await isDown()).toBe(true);
    await site.reload(lines, (text) => toDefaults(text).replace('option ssl-hello-chk', 'retries 0'));
    expect(await isDown()).toBe(false);
  });

  // It goes by the times of files, whatever HAProxy it is.
  if (binary === haproxyVersions[0]) {
    test('so does one whose certificate authority is another, in a file of the same name', async () => {
      await using folder = await tempFolder();
      const { ca, serverCert, serverKey } = await makeCertificates(folder.path);
      const wrong = await makeAuthority(folder.path, 'wrong');
      const trusted = path.join(folder.path, 'trusted.pem');
      await copyFile(wrong, trusted);
      const tls = createServer({ cert: await readFile(serverCert), key: await readFile(serverKey) });
      const port = await freePort();
      await new Promise<void>((resolve) => tls.listen(port, '127.0.0.1', resolve));
      await using _tls = { [Symbol.asyncDispose]: async () => void tls.close() };
      const pace = (every: string) => `inter ${every} fastinter ${every} downinter ${every} fall 1 rise 3`;
      const line = (every: string) =>
        `server web 127.0.0.1:${port} check ssl verify required ca-file trusted.pem ${pace(every)}`;
      await using site = await makeHealthSite(binary, [line('50ms')], {
        global: [`ca-base ${folder.path}`],
      });
      const isDown = async () => (await site.servers())[0]?.endsWith('state 0');
      await waitFor(isDown);
      // A file that is as young as the worker counts as changed.
      await waitFor(async () => Number(/^Uptime_sec: (\d+)$/m.exec(await site.cli('show info'))?.[1]) >= 4, {
        timeout: 10_000,
      });
      await site.reload([line('30s')]);
      expect(await isDown()).toBe(true);
      await copyFile(ca, trusted);
      await site.reload([`${line('30s')} weight 7`]);
      expect(await isDown()).toBe(false);
    });
  }

  test('weights and states that a person set outlive reloads, and end where the instance is another', async () => {
    await using one = await startBackend('one');
    const names = ['drained', 'maintained', 'weighted', 'moved', 'anew', 'enabled', 'plain', 'idle'];
    const keys = new Map<string, string>();
    const line = (name: string, more = '') => `server ${name} ${one.address} check ${more}`;
    const texts = (moved = one.address) => [
      line('drained'),
      line('maintained'),
      line('weighted', 'weight 5'),
      `server moved ${moved} check`,
      line('anew'),
      line('enabled', 'disabled'),
      line('plain'),
      line('idle', 'weight 0'),
    ];
    await using site = await makeHealthSite(binary, texts(), {
      registered: ({ server }) => keys.get(server) ?? '',
    });
    const set = ['drained drain', 'maintained maint', 'moved drain', 'anew maint', 'enabled ready'];
    await site.cli(
      `${set.map((one) => `set server be/${one.replace(' ', ' state ')}`).join(';')};set server be/weighted weight 2`,
    );
    await site.reload([...texts(), line('more')]);
    const states = async () =>
      (await site.servers()).map((row) => row.replace(/ \S+ weight (\d+) admin (\d+) .*/, ' $1 $2'));
    const after = await states();
    const kept = ['drained 1 8', 'maintained 1 1', 'weighted 2 0', 'moved 1 8', 'anew 1 1', 'enabled 1 4'];
    expect(after.slice(0, 7)).toEqual([...kept, 'plain 1 0']);
    expect((await site.hands.load()).map(({ server }) => server)).toEqual(names.slice(0, 6));
    keys.set('anew', 'registered since');
    await site.reload(texts('127.0.0.2:9'));
    const next = await states();
    expect(next.slice(0, 7)).toEqual([
      ...kept.slice(0, 3),
      'moved 1 0',
      'anew 1 0',
      'enabled 1 4',
      'plain 1 0',
    ]);
    expect(next[7]).toBe(after[7]);
    await site.cli('set server be/drained state ready; set server be/weighted weight 5');
    await site.reload(texts().map((text) => text.replace(' disabled', '')));
    expect((await states()).slice(0, 6)).toEqual([
      'drained 1 0',
      'maintained 1 1',
      'weighted 5 0',
      'moved 1 0',
      'anew 1 0',
      'enabled 1 0',
    ]);
    expect((await site.hands.load()).map(({ server }) => server)).toEqual(['maintained', 'enabled']);
  });

  test('an address that was changed at run time does not outlive the reload', async () => {
    const [one, two] = [await freePort(), await freePort()];
    const lines = [`server a 127.0.0.1:${one} check`, `server b 127.0.0.1:${two} check`];
    await using site = await makeHealthSite(binary, lines);
    await waitFor(async () => (await site.servers()).every((row) => row.endsWith('state 0')));
    await site.cli(`set server be/b addr 127.0.0.9 port 9; set server be/b state maint`);
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
    expect(await file.fill(null, never)).toBe(0);
    await writeFile(
      path.join(folder.path, 'haproxy.cfg'),
      `global\n  server-state-file ${folder.path}/cfg.servers\n`,
    );
    expect(await file.fill(null, never)).toBe(0);
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
    hands: handsOf(folder),
    onTrouble,
    ...options,
  });
}

function handsOf(folder: string, options: Partial<HandRecordOptions> = {}): HandRecord {
  return new HandRecord({ file: createStateFile(folder, 'set-by-hand.json'), onTrouble, ...options });
}

function onTrouble(message: string): never {
  throw new Error(message);
}

/** A site whose reloads carry the health over. */
async function makeHealthSite(
  binary: HaproxyBinary,
  servers: readonly string[],
  {
    registered,
    global = [],
    ...more
  }: Pick<RuntimeSiteOptions, 'backend' | 'global'> & Pick<HandRecordOptions, 'registered'> = {},
): Promise<
  RuntimeSite & {
    stateFile: string;
    hands: HandRecord;
    reload(servers: readonly string[], form?: (text: string) => string): Promise<void>;
  }
> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await tempFolder());
  const stateFile = path.join(folder.path, 'haproxy.cfg.servers');
  await stateFileOf(folder.path, { path: stateFile }).clear();
  const options: RuntimeSiteOptions = {
    global: [`server-state-file ${stateFile}`, ...global],
    defaults: ['load-server-state-from-file global'],
    ...more,
  };
  const site = stack.use(await makeRuntimeSite(binary, servers, options));
  const hands = handsOf(folder.path, registered ? { registered } : {});
  const file = serverStateFile({
    path: stateFile,
    statsSocket: site.statsSocket,
    configPath: site.configPath,
    access: { mode: 0o640 },
    hands,
    onTrouble,
  });
  let running = site.text(...servers);
  const masterSocket = site.haproxy.masterSocket;
  const { configPath } = site;
  const control = controlByMasterSocket({ masterSocket, configPath, around: file.during });
  stack.use(control);
  const owned = stack.move();
  return Object.assign(site, {
    stateFile,
    hands,
    async reload(lines: readonly string[], form = (text: string) => text) {
      const text = form(site.text(...lines));
      await writeFile(site.configPath, withMark(text));
      expect(await control.reload(hashText(text), never, running)).toMatchObject({ kind: 'verified' });
      running = text;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  });
}
