import { execFile } from 'node:child_process';
import { chown, mkdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { createPreflight } from '../../src/haproxy/preflight.ts';
import { addedBinds, demandsOf } from '../../src/haproxy/preflight-text.ts';
import { freePort, showProc, startHaproxy, tempFolder } from '../support/haproxy.ts';

const bindsOf = (...lines: string[]) =>
  demandsOf(['frontend f', ...lines].join('\n')).binds.map(({ host, port }) => `${host} ${port}`);

describe('demandsOf()', () => {
  test('reads literal TCP addresses in all their forms', () => {
    expect(
      bindsOf(
        'bind :80',
        '  bind *:81,127.0.0.1:82 ssl crt /x # :83',
        'bind [::1]:84 v6only',
        'bind :::85 v4v6',
        'bind ipv4@10.0.0.1:86-88',
        'bind "127.0.0.1:89"',
      ),
    ).toEqual([
      '0.0.0.0 80',
      '0.0.0.0 81',
      '127.0.0.1 82',
      '::1 84',
      ':: 85',
      '10.0.0.1 86',
      '10.0.0.1 87',
      '10.0.0.1 88',
      '127.0.0.1 89',
    ]);
  });

  test('leaves out what cannot be judged from the text', () => {
    expect(
      bindsOf(
        'bind localhost:80',
        'bind :"$PORT"',
        'bind $HOST:81',
        'bind :82 interface eth0',
        'bind :83 namespace blue',
        'bind :84 transparent',
        'bind fd@3',
        'bind abns@x',
        'bind udp@:85',
        'bind quic4@:86',
        'bind :87-60000',
        '.if feature(X)',
        'bind :88',
        '.endif',
        'backend b',
        'bind :89',
      ),
    ).toEqual([]);
  });

  test('reads sockets with their prefix, chroot and descriptors', () => {
    const demands = demandsOf(
      'global\n unix-bind prefix /run/ha/ mode 600\n stats socket s.sock\n stats socket /abs.sock level admin\n stats socket unix@u.sock\n chroot /var/empty\n maxconn 500\nlisten l\n bind /b.sock\n bind unix@c.sock\n',
    );
    expect(demands.sockets.map((one) => one.path)).toEqual([
      '/run/ha//abs.sock',
      '/run/ha/u.sock',
      '/run/ha//b.sock',
      '/run/ha/c.sock',
    ]);
    expect(demands.chroot).toEqual({ path: '/var/empty', line: 6 });
    expect(demands.descriptors).toEqual({ count: 1000, line: 7 });
    expect(demandsOf('global\n maxconn 500\n no strict-limits\n').descriptors).toBeNull();
  });
});

test('addedBinds() gives what is not held yet, each once, and a wildcard overlaps with every address', () => {
  const binds = (...list: string[]) =>
    demandsOf(['listen l', ...list.map((one) => `bind ${one}`)].join('\n')).binds;
  const added = (next: string[], now: string[]) =>
    addedBinds(binds(...next), binds(...now)).map(({ host, port }) => `${host}:${port}`);
  expect(added([':80', ':81', ':81'], [':80'])).toEqual(['0.0.0.0:81']);
  expect(added(['127.0.0.1:80', '[::]:80'], [':80'])).toEqual([]);
  expect(added(['127.0.0.2:80'], ['127.0.0.1:80'])).toEqual(['127.0.0.2:80']);
});

/** A HAProxy on a port of its own, of another user where we are root, and a text of it with more lines. */
async function setUp(uid?: number) {
  const folder = await tempFolder();
  const asOther = uid !== undefined && process.geteuid?.() === 0 ? { uid } : {};
  if (asOther.uid !== undefined) {
    await chown(folder.path, asOther.uid, asOther.uid);
  }
  const port = await freePort();
  const text = (...more: string[]) =>
    [
      'global',
      ...more.filter((line) => !line.startsWith('bind')),
      'defaults',
      ' mode http',
      ' timeout client 1s',
      ' timeout connect 1s',
      ' timeout server 1s',
      'frontend f',
      ` bind 127.0.0.1:${port}`,
      ...more.filter((line) => line.startsWith('bind')),
      '',
    ].join('\n');
  const configPath = path.join(folder.path, 'haproxy.cfg');
  await writeFile(configPath, text());
  const haproxy = await startHaproxy({ configPath, ...asOther });
  const pid = (await showProc(haproxy.masterSocket)).workers[0] ?? 0;
  const preflight = createPreflight();
  const found = (...more: string[]) =>
    preflight.check(text(...more), { text: text(), pid }, AbortSignal.timeout(5000));
  const check = async (...more: string[]) => (await found(...more))?.output ?? null;
  return {
    folder: folder.path,
    port,
    pid,
    text,
    check,
    preflight,
    async [Symbol.asyncDispose]() {
      await haproxy[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

async function hold(port: number): Promise<AsyncDisposable & Server> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return Object.assign(server, {
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => void server.close(() => resolve())),
  });
}

describe('preflight', () => {
  test('names an added port that somebody holds, who does, and nothing else', async () => {
    await using site = await setUp();
    const [free, taken] = [await freePort(), await freePort()];
    {
      await using _holder = await hold(taken);
      const found = await site.check(`bind 127.0.0.1:${free}`, `bind 127.0.0.1:${taken}`);
      expect(found).toContain(`bind 127.0.0.1:${taken}: process ${process.pid} (`);
      expect(found).not.toContain(String(free));
      // What HAProxy itself holds is no trouble.
      expect(await site.check(`bind 127.0.0.1:${free}`, `bind :${site.port}`)).toBeNull();
    }
    expect(await site.check(`bind 127.0.0.1:${taken}`)).toBeNull();
  });

  test('sees who is in the way of a bind, on an interface too, and says nothing of another network', async () => {
    await using site = await setUp();
    const [free, taken] = [await freePort(), await freePort()];
    const lines = [
      `bind 127.0.0.1:${taken} interface lo`,
      `bind 127.0.0.1:${free},127.0.0.1:${taken}`,
      `bind 127.0.0.1:${free}`,
      `bind 127.0.0.1:${taken} namespace blue`,
    ];
    const running = { text: site.text(), pid: site.pid };
    {
      await using _holder = await hold(taken);
      expect(await site.preflight.inTheWay(lines, running)).toEqual(new Set(lines.slice(0, 2)));
    }
    expect(await site.preflight.inTheWay(lines, running)).toEqual(new Set());
    const elsewhere = `frontend f\n bind 127.0.0.1:${await freePort()}\n`;
    for (const text of [null, elsewhere]) {
      expect(await site.preflight.inTheWay(lines, { ...running, text })).toBeNull();
    }
  });

  test('names an added port that HAProxy may not open, also to who may, and never says that it is free', async () => {
    await using site = await setUp(65_534);
    expect(await site.check('bind 127.0.0.1:490')).toMatch(
      /bind 127\.0\.0\.1:490: HAProxy may not listen on ports under \d+\. .*CAP_NET_BIND_SERVICE/,
    );
    const running = { text: site.text(), pid: site.pid };
    const low = 'bind 127.0.0.1:490';
    expect(await site.preflight.inTheWay([low], running)).toEqual(new Set([low]));
    expect(await site.check(`bind 127.0.0.1:${await freePort()}`)).toBeNull();
  });

  test('names an address that this machine does not have', async () => {
    await using site = await setUp();
    expect(await site.check('bind 192.0.2.1:8080')).toContain('this machine has no address 192.0.2.1');
  });

  test('says nothing of ports where it is not known what runs, or HAProxy listens in another network', async () => {
    await using site = await setUp();
    const taken = await freePort();
    await using _holder = await hold(taken);
    const next = site.text(`bind 127.0.0.1:${taken}`);
    const signal = AbortSignal.timeout(5000);
    expect(await site.preflight.check(next, { text: null, pid: site.pid }, signal)).toBeNull();
    const elsewhere = `frontend f\n bind 127.0.0.1:${await freePort()}\n`;
    expect(await site.preflight.check(next, { text: elsewhere, pid: site.pid }, signal)).toBeNull();
  });

  test('names a missing chroot and a missing socket folder, as soon as they are gone', async () => {
    await using site = await setUp();
    const chroot = path.join(site.folder, 'jail');
    const lines = [`chroot ${chroot}`, `stats socket ${site.folder}/run/s.sock`];
    expect(await site.check(...lines)).toMatch(
      /chroot: there is no folder .*jail.*\n.*socket .*: there is no folder/,
    );
    await mkdir(chroot);
    await mkdir(path.join(site.folder, 'run'));
    if (process.geteuid?.() === 0) {
      expect(await site.check(...lines)).toBeNull();
    }
    await rm(chroot, { recursive: true });
    expect(await site.check(...lines)).toContain('chroot');
  });

  test('names a chroot that HAProxy may not do, where it would end over it', async () => {
    await using site = await setUp(65_534);
    const chroot = path.join(site.folder, 'jail');
    await mkdir(chroot);
    const newest = /version 3\.[4-9]/.test((await promisify(execFile)('haproxy', ['-v'])).stdout);
    const found = await site.check(`chroot ${chroot}`);
    expect(found).toEqual(newest ? null : expect.stringContaining('chroot: HAProxy may not do it'));
  });

  test('says nothing of folders where HAProxy is not in sight', async () => {
    await using site = await setUp();
    const next = site.text('chroot /nowhere/at/all');
    for (const pid of [null, 1, process.pid]) {
      expect(
        await site.preflight.check(next, { text: site.text(), pid }, AbortSignal.timeout(5000)),
      ).toBeNull();
    }
  });
});
