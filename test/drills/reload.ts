import { chmod, chown, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, request, showProc, startBackend, waitFor } from '../support/haproxy.ts';
import { reloadAsStranger } from '../support/strangers-reload.ts';
import type { Drill } from './drill.ts';
import {
  becomeNobody,
  hold,
  noFailures,
  type Rig,
  runningMark,
  showServers,
  startRig,
  within,
} from './rig.ts';

/** A template that takes lines for the global section from the key /ha/global. */
const OPEN_TEMPLATE = [
  '{% extends "pointsman/haproxy.cfg.njk" %}',
  '{% block global_extra %}',
  '  {{ getv("/ha/global", "# nothing more") }}',
  '{% endblock %}',
  '',
].join('\n');

/** A rig whose template is `OPEN_TEMPLATE`. */
async function openRig(haproxy: Record<string, unknown> = {}): Promise<Rig> {
  const folder = await mkdtemp(path.join(tmpdir(), 'pm-'));
  await writeFile(path.join(folder, 'own.njk'), OPEN_TEMPLATE);
  const rig = await startRig({ haproxy, more: { template: path.join(folder, 'own.njk') } });
  return Object.create(rig, {
    [Symbol.asyncDispose]: {
      value: async () => {
        await rig[Symbol.asyncDispose]();
        await rm(folder, { recursive: true, force: true });
      },
    },
  }) as Rig;
}

const listen = (server: Server, where: number | string) =>
  new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    if (typeof where === 'string') {
      server.listen(where, resolve);
    } else {
      server.listen(where, '127.0.0.1', resolve);
    }
  });
const close = (server: Server) => new Promise<void>((resolve) => void server.close(() => resolve()));

const answers = async (url: string) =>
  (await request(url, { timeout: 1000 }).catch(() => null))?.status === 200;

/** Reloads that fail, are lost, or are somebody else's. */
export const reloadDrills: readonly Drill[] = [
  {
    name: 'a service whose port somebody else holds',
    promise: 'said with the holder, 0 failed requests, healed when the port is free',
    async run() {
      await using rig = await startRig();
      await using db = await startBackend('db');
      const port = await freePort();
      const holder = createServer();
      await listen(holder, port);
      await rig.etcd.put('/routes/db', JSON.stringify({ mode: 'tcp', port }));
      await rig.etcd.put('/services/db/one', db.address);
      const { msg } = await rig.event('preflight-failed');
      hold(String(msg).includes(`process ${process.pid} (`), `the holder is named in: ${msg}`);
      await waitFor(() => rig.load.ok() > 50);
      await close(holder);
      const ms = await rig.time(() => answers(`http://127.0.0.1:${port}/`), 'the service', 20_000);
      await rig.settled();
      return { ms, seen: noFailures(rig.load) };
    },
  },
  {
    name: 'a chroot that is not there',
    promise: 'said, HAProxy not touched, 0 failed requests, healed when it is there',
    async run() {
      await using rig = await openRig();
      const jail = path.join(rig.site.folder, 'jail');
      const before = await showProc(rig.site.masterSocket);
      await rig.etcd.put('/ha/global', `chroot ${jail}`);
      hold(String((await rig.event('preflight-failed')).msg).includes(jail), 'the folder is named');
      hold((await showProc(rig.site.masterSocket)).reloads === before.reloads, 'HAProxy is not touched');
      const begun = performance.now();
      await mkdir(jail);
      await rig.time(async () => (await readFile(rig.site.configPath, 'utf8')).includes(jail), 'the change');
      await rig.settled();
      return { ms: performance.now() - begun, seen: noFailures(rig.load) };
    },
  },
  {
    name: 'a worker that dies at its start (managed)',
    promise: 'said, back on the last good file within 2 s, healed by itself',
    async run() {
      await using rig = await openRig();
      const script = path.join(rig.site.folder, 'die.lua');
      await writeFile(script, 'core.register_task(function() os.exit(1) end)\n');
      const good = await readFile(rig.site.configPath, 'utf8');
      await rig.etcd.put('/ha/global', `lua-load ${script}`);
      await rig.event('reload-failed');
      const ms = await rig.time(() => answers(rig.site.url), 'traffic');
      await rig.time(
        async () => (await readFile(rig.site.configPath, 'utf8')) === good,
        'the last good file',
      );
      await writeFile(script, '-- mended\n');
      await rig.time(
        async () => (await readFile(rig.site.configPath, 'utf8')).includes(script),
        'the change',
      );
      await rig.settled(30_000);
      return { ms: within(ms, 5000, 'traffic again') };
    },
  },
  {
    name: 'the master of HAProxy killed with -9 (managed)',
    promise: 'back within 1 s on the last good file',
    async run(form) {
      await using rig = await startRig();
      const { master } = await showProc(rig.site.masterSocket);
      const mark = await runningMark(rig.site.masterSocket);
      process.kill(master, 'SIGKILL');
      const begun = performance.now();
      await waitFor(async () => {
        const proc = await showProc(rig.site.masterSocket).catch(() => null);
        if (proc === null || proc.master === master) {
          return false;
        }
        // Empty where the socket did not answer: that says nothing of the file.
        const now = await runningMark(rig.site.masterSocket);
        hold(now === '' || now === mark, 'it runs the last good file');
        return now === mark && (await answers(rig.site.url));
      });
      const ms = performance.now() - begun;
      await using after = rig.freshLoad();
      await rig.settled();
      await waitFor(() => after.ok() > 20);
      return { ms: within(ms, form === 'full' ? 1000 : 4000, 'back'), seen: noFailures(after) };
    },
  },
  {
    name: 'the master socket dead, then a stranger on it, then not ours to open',
    promise: 'each said with its cause within 1 s, healed without a change in etcd',
    async run() {
      await using rig = await startRig({ haproxy: { mode: 'master-socket' } });
      const { site } = rig;
      const seen = rig.daemon.log().length;
      const cause = async (words: string) =>
        rig.time(
          () =>
            rig.daemon
              .log()
              .slice(seen)
              .some((line) => line.event === 'haproxy-away' && String(line.msg).includes(words)),
          `the cause "${words}"`,
        );
      const begun = performance.now();
      await rig.haproxy?.[Symbol.asyncDispose]();
      await rm(site.masterSocket, { force: true });
      await cause('there is no such socket');
      const ms = performance.now() - begun;
      const stranger = createServer((socket) => {
        socket.on('error', () => {});
        socket.once('data', () => socket.end('220 mail.example.com\r\n'));
      });
      await listen(stranger, site.masterSocket);
      await cause('what answers there is none');
      await close(stranger);
      await rm(site.masterSocket, { force: true });
      await writeFile(site.masterSocket, '');
      await cause('nobody listens on it');
      await rm(site.masterSocket);
      await rig.startHaproxy();
      await rig.settled();
      return { ms };
    },
  },
  {
    name: 'a master socket of another user',
    promise: 'said what to do, healed when it may be opened',
    async run() {
      await using rig = await startRig({ haproxy: { mode: 'master-socket' } });
      const { site } = rig;
      const nobody = await becomeNobody(rig);
      rig.daemon = await site.start({ uid: nobody });
      const { msg } = await rig.event('haproxy-away');
      hold(String(msg).includes('it may not be opened'), `the cause is said in: ${msg}`);
      hold(String(msg).includes('Let user nobody (uid 65534) write to'), 'what to do is said');
      await chown(site.masterSocket, nobody, nobody);
      await chmod(site.masterSocket, 0o600);
      const ms = await rig.time(async () => (await rig.daemon.status()).ready, 'it to be ready');
      return { ms, seen: noFailures(rig.load) };
    },
  },
  strangerDrill('reload'),
  strangerDrill('auto'),
  {
    name: 'HAProxy restarted with another file',
    promise: 'said with its cause, healed when it runs ours, without a change in etcd',
    async run() {
      await using rig = await startRig({ haproxy: { mode: 'master-socket' } });
      const { site } = rig;
      const own = await readFile(site.configPath, 'utf8');
      const other = path.join(site.folder, 'other.cfg');
      await writeFile(other, own.slice(0, own.lastIndexOf('# pointsman:')));
      await rig.haproxy?.[Symbol.asyncDispose]();
      const begun = performance.now();
      const seen = rig.daemon.log().length;
      await rig.startHaproxy(other);
      const { msg } = await rig.event('reload-failed', seen);
      hold(String(msg).includes('HAProxy loaded another text'), `the cause is said in: ${msg}`);
      hold(!(await rig.daemon.status()).ready, 'it is not ready meanwhile');
      const ms = performance.now() - begun;
      await rig.haproxy?.[Symbol.asyncDispose]();
      await rig.startHaproxy();
      await rig.settled(20_000);
      return { ms };
    },
  },
];

function strangerDrill(mode: 'reload' | 'auto'): Drill {
  return {
    name: `reloads by a stranger at any moment, while services change (apply ${mode})`,
    promise: 'the last change is live, 0 failed requests',
    async run(form) {
      await using rig = await startRig({ more: { apply: { mode } } });
      const { site, etcd } = rig;
      const { master } = await showProc(site.masterSocket);
      let over = false;
      const stranger = (async () => {
        while (!over) {
          await reloadAsStranger(master, site.masterSocket);
          await sleep(40 + Math.random() * 300);
        }
      })();
      const rounds = form === 'full' ? 60 : 12;
      for (let round = 1; round <= rounds; round++) {
        await etcd.put('/services/other/x', `127.0.0.1:${20_000 + round}`);
        await sleep(Math.random() * 300);
      }
      over = true;
      await stranger;
      const ms = await rig.time(
        async () => (await showServers(site.masterSocket)).includes(` ${20_000 + rounds} `),
        'the last change',
        30_000,
      );
      await rig.settled(30_000);
      return { ms, seen: noFailures(rig.load) };
    },
  };
}
