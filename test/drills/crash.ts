import { execFile } from 'node:child_process';
import { watch } from 'node:fs';
import { chmod, chown, cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { showProc, waitFor } from '../support/haproxy.ts';
import type { Site } from '../support/pointsman.ts';
import type { Drill } from './drill.ts';
import { becomeNobody, hold, noFailures, type Rig, script, showServers, startRig } from './rig.ts';

const run = promisify(execFile);

/** Where in the pipeline Pointsman is killed. */
interface Point {
  readonly name: string;
  /** Arms the fault; resolves when Pointsman was shot. */
  arm(rig: Rig): Promise<void>;
}

/** The check's wrapper kills its parent, before or after haproxy -c: `fault` holds which. */
const inCheck = (when: 'before' | 'after'): Point => ({
  name: `${when} the check`,
  async arm(rig) {
    await writeFile(path.join(rig.site.folder, 'fault'), when);
    await rig.daemon.ended;
    await rm(path.join(rig.site.folder, 'fault'));
  },
});

/** Killed `ms` after a file with this name appears in a folder. */
const onFile = (folder: string, name: RegExp, ms: number): Point => ({
  name: `${ms} ms after ${name.source} in ${folder}`,
  async arm(rig) {
    const stop = new AbortController();
    const watcher = watch(path.join(rig.site.folder, folder), { signal: stop.signal });
    const seen = new Promise<void>((resolve) => {
      watcher.on('change', (_, file) => {
        if (name.test(String(file))) {
          resolve();
        }
      });
    });
    const late = sleep(30_000, undefined, { signal: stop.signal }).then(
      () => Promise.reject(new Error(`waited in vain for ${name.source} in ${folder}`)),
      () => undefined,
    );
    await Promise.race([seen, late]);
    if (ms > 0) {
      await sleep(ms);
    }
    rig.daemon.child.kill('SIGKILL');
    stop.abort();
    await rig.daemon.ended;
  },
});

/** Killed `ms` after the change is on its way to etcd: somewhere in the commands of a change at run time. */
const afterPut = (ms: number): Point => ({
  name: `${ms} ms after the change`,
  async arm(rig) {
    await sleep(ms);
    rig.daemon.child.kill('SIGKILL');
    await rig.daemon.ended;
  },
});

const TARGET = /^haproxy\.cfg$/;
const POINTS: readonly Point[] = [
  onFile('etc', TARGET, 0),
  inCheck('after'),
  onFile('etc', TARGET, 60),
  inCheck('before'),
  onFile('state/versions', /^\.version\.pointsman-/, 0),
  onFile('state', /^pending$/, 0),
  onFile('etc', /pointsman-/, 0),
  onFile('etc', TARGET, 20),
  onFile('etc', TARGET, 40),
  onFile('etc', TARGET, 100),
  onFile('etc', TARGET, 200),
];

/** A change that goes by the Runtime API owes no reload: nothing is noted for the next start. */
const RUNTIME_POINTS: readonly Point[] = [
  onFile('etc', TARGET, 0),
  afterPut(6),
  ...POINTS.slice(1).filter(({ name }) => !name.includes('pending')),
  ...[2, 3, 4, 5, 7, 8, 9, 10, 12, 15].map(afterPut),
];

/** Kills Pointsman at a point of a change, and starts it again. Gives how many reloads that start took. */
async function crashAt(rig: Rig, point: Point, round: number): Promise<number> {
  const { site, etcd } = rig;
  const port = 20_000 + round;
  const shot = point.arm(rig);
  await etcd.put('/services/other/x', `127.0.0.1:${port}`);
  await shot;
  const proc = await waitFor(() => showProc(site.masterSocket).catch(() => null), { what: 'HAProxy' });
  await run('haproxy', ['-c', '-f', site.configPath]);
  const sent = rig.load.ok();
  await waitFor(() => rig.load.ok() > sent + 10, { what: `traffic, killed ${point.name}` });
  // What was under way in HAProxy at the kill ends by itself.
  await sleep(150);
  const before = await waitFor(() => showProc(site.masterSocket).catch(() => null));
  hold(before.master === proc.master, 'HAProxy outlives it');
  rig.daemon = await site.start();
  await rig.time(isIn(rig, port), `the change, killed ${point.name}`);
  await rig.settled();
  const after = await showProc(site.masterSocket);
  hold(after.master === before.master, 'the HAProxy that runs is adopted');
  const reloads = after.reloads - before.reloads;
  hold(reloads <= 1, `the next start takes at most one reload, killed ${point.name}: it took ${reloads}`);
  return reloads;
}

/** A check command that obeys `fault`. */
async function faultyCheck(site: Site): Promise<undefined> {
  await script(
    path.join(site.folder, 'check.sh'),
    `fault=$(cat ${site.folder}/fault 2>/dev/null)`,
    '[ "$fault" = before ] && kill -9 $PPID',
    'haproxy -c -f "$1"',
    'code=$?',
    '[ "$fault" = after ] && kill -9 $PPID',
    'exit $code',
  );
}

const crashDrill = (mode: 'master-socket' | 'managed', apply: 'reload' | 'auto'): Drill => ({
  name: `Pointsman killed with -9 at every step (${mode}, apply ${apply})`,
  promise: 'valid file, traffic goes on, at most one reload at the next start',
  async run(form) {
    await using rig = await startRig({
      haproxy: { mode, checkCommand: ['./check.sh', '{config}'] },
      prepare: faultyCheck,
      more: { apply: { mode: apply } },
    });
    const short = mode === 'master-socket' && apply === 'reload' ? 3 : 2;
    const all = apply === 'auto' ? RUNTIME_POINTS : POINTS;
    const points = form === 'full' ? all : all.slice(0, short);
    const reloads: number[] = [];
    for (const [round, point] of points.entries()) {
      reloads.push(await crashAt(rig, point, round));
    }
    return { ms: null, seen: `${noFailures(rig.load)}; reloads at the next start: ${reloads.join(' ')}` };
  },
});

/** A file system that is soon full, in a folder that only its owner may write to: of others Pointsman warns. */
const SMALL_DISK = ['-t', 'tmpfs', '-o', 'size=300k,mode=755', 'tmpfs'];

/** Mounts a small file system on a folder, or a file on a file. */
async function mount(args: readonly string[], target: string): Promise<AsyncDisposable> {
  await run('mount', [...args, target]);
  let mounted = true;
  return {
    async [Symbol.asyncDispose]() {
      if (mounted) {
        await run('umount', ['-l', target]);
      }
      mounted = false;
    },
  };
}

/** Writes until nothing more fits. */
async function fill(folder: string): Promise<() => Promise<void>> {
  const file = path.join(folder, 'filler');
  await writeFile(file, Buffer.alloc(4 << 20)).catch(() => undefined);
  return () => rm(file);
}

const isIn = (rig: Rig, port: number) => async () =>
  (await showServers(rig.site.masterSocket)).includes(` ${port} `);

/** Crashes at any moment, and disks that say no. */
export const crashDrills: readonly Drill[] = [
  crashDrill('master-socket', 'reload'),
  crashDrill('master-socket', 'auto'),
  crashDrill('managed', 'reload'),
  {
    name: 'Pointsman killed between publishing and the reload, where HAProxy cannot be asked (command)',
    promise: 'the next start reloads, once',
    async run() {
      await using rig = await startRig({
        haproxy: { mode: 'command', statsSocket: '', reloadCommand: ['./reload.sh'] },
        async prepare(site) {
          await script(
            path.join(site.folder, 'reload.sh'),
            `[ -e ${site.folder}/fault ] && kill -9 $PPID && exit 1`,
            `[ -e ${site.folder}/haproxy.pid ] || exit 0`,
            `kill -USR2 $(cat ${site.folder}/haproxy.pid)`,
          );
          return undefined;
        },
      });
      const { site, etcd } = rig;
      await writeFile(path.join(site.folder, 'fault'), '');
      await etcd.put('/services/other/x', '127.0.0.1:20000');
      await rig.daemon.ended;
      await rm(path.join(site.folder, 'fault'));
      hold((await readFile(site.configPath, 'utf8')).includes('127.0.0.1:20000'), 'the file is published');
      hold(!(await isIn(rig, 20_000)()), 'HAProxy does not run it');
      const before = await showProc(site.masterSocket);
      const begun = performance.now();
      rig.daemon = await site.start();
      await rig.time(isIn(rig, 20_000), 'the owed reload');
      const ms = performance.now() - begun;
      rig.daemon.child.kill('SIGTERM');
      await rig.daemon.ended;
      rig.daemon = await site.start();
      await rig.settled();
      const { reloads } = await showProc(site.masterSocket);
      hold(reloads - before.reloads === 1, `it is one reload (${reloads - before.reloads})`);
      return { ms, seen: noFailures(rig.load) };
    },
  },
  {
    name: 'the disk of the file full, then read-only',
    promise: 'path, reason and what to do are said, 0 failed requests, healed by itself',
    async run() {
      await using rig = await startRig({
        haproxy: { mode: 'master-socket' },
        prepare: (site) => mount(SMALL_DISK, path.dirname(site.configPath)),
      });
      const folder = path.dirname(rig.site.configPath);
      const empty = await fill(folder);
      await rig.etcd.put('/services/other/x', '127.0.0.1:20000');
      const full = String((await rig.event('check-broken')).msg);
      hold(full.includes(folder) && full.includes('no space left'), `path and reason are said in: ${full}`);
      hold(full.includes('Free some space'), `what to do is said in: ${full}`);
      await empty();
      const ms = await rig.time(isIn(rig, 20_000), 'the change', 20_000);
      await rig.settled();
      const seen = rig.daemon.log().length;
      await using readOnlyMount = await mount(['--bind', folder], folder);
      await run('mount', ['-o', 'remount,bind,ro', folder]);
      await rig.etcd.put('/services/other/x', '127.0.0.1:20001');
      const readOnly = String((await rig.event('check-broken', seen)).msg);
      hold(readOnly.includes('read-only'), `the reason is said in: ${readOnly}`);
      await readOnlyMount[Symbol.asyncDispose]();
      await rig.time(isIn(rig, 20_001), 'the change', 20_000);
      return { ms, seen: noFailures(rig.load) };
    },
  },
  {
    name: 'the disk of stateDir full',
    promise: 'said, and changes go out all the same',
    async run() {
      await using rig = await startRig({
        haproxy: { mode: 'master-socket' },
        async prepare(site) {
          await mkdir(path.join(site.folder, 'state'));
          return mount(SMALL_DISK, path.join(site.folder, 'state'));
        },
      });
      const empty = await fill(path.join(rig.site.folder, 'state'));
      await rig.etcd.put('/services/other/x', '127.0.0.1:20000');
      const ms = await rig.time(isIn(rig, 20_000), 'the change');
      const { msg } = await rig.event('notice');
      hold(String(msg).includes('no space left'), `the reason is said in: ${msg}`);
      await rig.settled();
      await empty();
      return { ms, seen: noFailures(rig.load) };
    },
  },
  {
    name: 'the file is a mount point, for a while',
    promise: 'said what to do, 0 failed requests, healed by itself',
    async run() {
      await using rig = await startRig({ haproxy: { mode: 'master-socket' } });
      const { configPath } = rig.site;
      const copy = path.join(rig.site.folder, 'copy.cfg');
      await cp(configPath, copy);
      await using mounted = await mount(['--bind', copy], configPath);
      await rig.etcd.put('/services/other/x', '127.0.0.1:20000');
      const { msg } = await rig.event('publish-failed');
      hold(
        String(msg).includes('mount point') && String(msg).includes('Mount the folder'),
        `it is said: ${msg}`,
      );
      await mounted[Symbol.asyncDispose]();
      const ms = await rig.time(isIn(rig, 20_000), 'the change', 20_000);
      return { ms, seen: noFailures(rig.load) };
    },
  },
  {
    name: "the file another user's, in a folder where only its owner may replace it",
    promise: 'said what to do, 0 failed requests, healed by itself',
    async run() {
      await using rig = await startRig({ haproxy: { mode: 'master-socket' } });
      const { site } = rig;
      const nobody = await becomeNobody(rig);
      const folder = path.dirname(site.configPath);
      await chown(folder, 0, 0);
      await chmod(folder, 0o1777);
      await chown(site.configPath, 0, 0);
      await chmod(site.configPath, 0o644);
      await chown(site.masterSocket, nobody, nobody);
      rig.daemon = await site.start({ uid: nobody });
      await rig.daemon.ready();
      await rig.etcd.put('/services/other/x', '127.0.0.1:20000');
      const { msg } = await rig.event('publish-failed');
      hold(
        String(msg).includes("another user's") && String(msg).includes('give the file'),
        `it is said: ${msg}`,
      );
      await chown(site.configPath, nobody, nobody);
      const ms = await rig.time(isIn(rig, 20_000), 'the change', 20_000);
      return { ms, seen: noFailures(rig.load) };
    },
  },
];
