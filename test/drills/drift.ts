import { appendFile, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { showProc, startBackend } from '../support/haproxy.ts';
import type { Drill } from './drill.ts';
import { copyOf, hold, noFailures, type Rig, runningMark, showServers, startRig, within } from './rig.ts';

/** Milliseconds. Tests share the machine with others. */
const NOTICED = { short: 3000, full: 1000 };

const text = (file: string) => readFile(file, 'utf8').catch(() => '');

function hostOf(address: string): { readonly host: string; readonly port: number } {
  const [host = '', port = ''] = address.split(':');
  return { host, port: Number(port) };
}

/** Does something to the file and waits until it is put right, and said. */
async function putRight(rig: Rig, deed: () => Promise<void>): Promise<number> {
  const good = await text(rig.site.configPath);
  const seen = rig.daemon.log().length;
  await deed();
  const ms = await rig.time(async () => (await text(rig.site.configPath)) === good, 'the file to be right');
  await rig.event('hand-edit', seen);
  return ms;
}

/** An edit right after a reload may have been loaded by it, which would take one more: waits until none is near. */
async function unloaded(rig: Rig): Promise<void> {
  await rig.time(async () => {
    const { lastApply } = (await rig.daemon.status()) as { lastApply: { ageSeconds: number } };
    return lastApply.ageSeconds > 2.5;
  }, 'the last reload to be a while ago');
}

/** A file and a HAProxy that somebody else lays hands on. */
export const driftDrills: readonly Drill[] = [
  {
    name: 'the file edited by hand',
    promise: 'right within 1 s, edit kept, diff logged, no reload',
    async run(form) {
      await using rig = await startRig();
      const { site } = rig;
      await unloaded(rig);
      const before = await showProc(site.masterSocket);
      const ms = await putRight(rig, () => appendFile(site.configPath, '# by hand\n'));
      const edits = path.join(site.folder, 'state', 'hand-edits');
      const [kept = ''] = await readdir(edits);
      hold((await text(path.join(edits, kept))).endsWith('# by hand\n'), 'the edit is kept');
      const said = (await rig.event('hand-edit')).msg;
      hold(String(said).includes('+# by hand'), `the diff is logged, in: ${said}`);
      await rig.settled();
      hold((await showProc(site.masterSocket)).reloads === before.reloads, 'nothing was reloaded');
      return { ms: within(ms, NOTICED[form], 'put right'), seen: noFailures(rig.load) };
    },
  },
  {
    name: 'the file edited by hand while a change of ours is checked, right before it is published',
    promise: 'the edit kept and its diff logged, the change goes out',
    async run() {
      const checkCommand = ['sh', '-c', 'test ! -e slow || sleep 1; exec haproxy -c -f "$0"', '{config}'];
      await using rig = await startRig({ haproxy: { checkCommand } });
      const { site } = rig;
      await using two = await startBackend('two');
      await rig.settled();
      const slow = path.join(site.folder, 'slow');
      for (const [turn, pause] of [100, 900].entries()) {
        const seen = rig.daemon.log().length;
        await writeFile(slow, '');
        await rig.etcd.put('/services/web/two', JSON.stringify({ ...hostOf(two.address), weight: turn + 2 }));
        const candidate = async () =>
          (await readdir(path.dirname(site.configPath))).some((name) => name.includes('.pointsman-'));
        await rig.time(candidate, 'the check');
        await sleep(pause);
        await appendFile(site.configPath, `# by hand ${turn}\n`);
        await rm(slow);
        const diff = String((await rig.event('hand-edit', seen)).msg);
        const kept = /kept as (\S+)\)/.exec(diff)?.[1] ?? '';
        hold(diff.includes(`+# by hand ${turn}`), `the diff is logged, in: ${diff}`);
        hold((await text(kept)).endsWith(`# by hand ${turn}\n`), `the edit is kept in ${kept}`);
        await rig.time(
          async () => (await text(site.configPath)).includes(`weight ${turn + 2}`),
          'the change',
        );
        await rig.settled();
        hold(!(await text(site.configPath)).includes('# by hand'), 'the file is ours');
      }
      return { ms: null, seen: noFailures(rig.load) };
    },
  },
  {
    name: 'the file deleted by hand, and again while etcd is away',
    promise: 'back within 1 s',
    async run(form) {
      await using rig = await startRig();
      // From 3.1 on HAProxy ends where its file is gone in the very moment of a reload.
      await unloaded(rig);
      const first = await putRight(rig, () => rm(rig.site.configPath));
      await rig.etcd.kill('SIGKILL');
      const second = await putRight(rig, () => rm(rig.site.configPath));
      return { ms: within(Math.max(first, second), NOTICED[form], 'put back'), seen: noFailures(rig.load) };
    },
  },
  {
    name: 'the file edited by hand and loaded with SIGUSR2, our mark still in it',
    promise: 'file right within 1 s, the worker replaced, 0 failed requests',
    async run() {
      await using rig = await startRig();
      const { site } = rig;
      const { master, workers } = await showProc(site.masterSocket);
      const good = await text(site.configPath);
      const edit = good.replace('timeout client 60s', 'timeout client 59s');
      hold(edit !== good, 'there is something to edit');
      const seen = rig.daemon.log().length;
      const begun = performance.now();
      await writeFile(site.configPath, edit);
      process.kill(master, 'SIGUSR2');
      await rig.event('hand-edit', seen);
      const worker = async () => (await showProc(site.masterSocket).catch(() => null))?.workers[0] ?? 0;
      await rig.time(async () => ![0, workers[0]].includes(await worker()), "a stranger's worker");
      await rig.time(
        () =>
          rig.daemon
            .log()
            .slice(seen)
            .some((line) => line.outcome === 'reloaded'),
        'a reload of our own',
      );
      await rig.settled();
      hold((await text(site.configPath)) === good, 'the file is right');
      return { ms: performance.now() - begun, seen: noFailures(rig.load) };
    },
  },
  {
    name: 'HAProxy restarted with an old file in the place of ours',
    promise: 'file and HAProxy right without a change in etcd',
    async run() {
      await using rig = await startRig({ haproxy: { mode: 'master-socket' } });
      await using two = await startBackend('two');
      const { site } = rig;
      const old = await copyOf(site.configPath, 'old');
      await rig.etcd.put('/services/web/two', two.address);
      await rig.time(async () => (await showServers(site.masterSocket)).includes(' two '), 'the change');
      await rig.settled();
      const good = await runningMark(site.masterSocket);
      await rig.haproxy?.[Symbol.asyncDispose]();
      await writeFile(site.configPath, await text(old));
      await rig.startHaproxy();
      const ms = await rig.time(async () => (await runningMark(site.masterSocket)) === good, 'the repair');
      await rig.settled();
      return { ms: within(ms, 10_000, 'put right') };
    },
  },
  {
    name: 'a person pauses, edits, lets etcd change; the pause ends by itself',
    promise: 'held when the command returns, nothing touched, everything right after it',
    async run(form) {
      const length = form === 'full' ? 12 : 8;
      await using rig = await startRig();
      await using two = await startBackend('two');
      const { site } = rig;
      const end = Date.now() + length * 1000;
      const begun = performance.now();
      hold((await site.run('pause', '--for', `${length}s`)).code === 0, 'pause works');
      // It ends when the daemon holds.
      const ms = performance.now() - begun;
      hold((await rig.daemon.status()).paused !== null, 'the daemon holds');
      await appendFile(site.configPath, '# by hand\n');
      const edited = await text(site.configPath);
      const { master, workers } = await showProc(site.masterSocket);
      process.kill(master, 'SIGUSR2');
      const current = () => showProc(site.masterSocket).catch(() => null);
      await rig.time(async () => {
        const [worker] = (await current())?.workers ?? [];
        return worker !== undefined && worker !== workers[0];
      }, "the person's reload");
      const { reloads } = await showProc(site.masterSocket);
      await rig.etcd.put('/services/web/two', two.address);
      await rig.time(async () => {
        const { lastPass } = (await rig.daemon.status()) as { lastPass: Record<string, unknown> };
        return lastPass.outcome === 'paused' && (lastPass.counts as { instances: number }).instances === 2;
      }, 'the change to be rendered all the same');
      hold((await rig.daemon.status()).ready, 'it is ready all the same');
      if (Date.now() < end - 500) {
        hold((await text(site.configPath)) === edited, 'the edit stands');
        hold((await showProc(site.masterSocket)).reloads === reloads, 'HAProxy is left alone');
      }
      await rig.time(
        async () => (await showServers(site.masterSocket)).includes(' two '),
        'the end of it',
        20_000,
      );
      await rig.event('resumed');
      await rig.event('hand-edit');
      await rig.settled();
      return { ms, seen: noFailures(rig.load) };
    },
  },
  {
    name: 'a pause with the daemon dead, taken back later; and one of the fleet by a key',
    promise: 'held from the start, ended by resume, noticed within 1 s',
    async run(form) {
      await using rig = await startRig({ haproxy: { mode: 'master-socket' } });
      await using two = await startBackend('two');
      const { site, etcd } = rig;
      rig.daemon.child.kill('SIGKILL');
      await rig.daemon.ended;
      hold((await site.run('pause', '--for', '5m')).code === 0, 'pause works without a daemon');
      await etcd.put('/services/web/two', two.address);
      rig.daemon = await site.start();
      await rig.event('paused');
      await rig.time(
        () => rig.daemon.log().some((line) => line.event === 'pass' && line.outcome === 'paused'),
        'a pass that touches nothing',
      );
      hold(!(await text(site.configPath)).includes(two.address), 'the file is left alone');
      hold((await site.run('resume')).stdout.startsWith('resumed'), 'resume says what it ended');
      await rig.time(async () => (await text(site.configPath)).includes(two.address), 'the end of the pause');
      await rig.settled();
      const seen = rig.daemon.log().length;
      await etcd.put('/ha/pointsman/pause', '30m');
      await rig.event('paused', seen);
      const begun = performance.now();
      await etcd.delete('/ha/pointsman/pause');
      await rig.event('resumed', seen);
      return { ms: within(performance.now() - begun, NOTICED[form], 'the key'), seen: noFailures(rig.load) };
    },
  },
];
