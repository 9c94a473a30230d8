import { spawn } from 'node:child_process';
import { get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, showProc, startBackend, waitFor } from '../support/haproxy.ts';
import type { Drill } from './drill.ts';
import { hold, noFailures, showServers, startRig, within } from './rig.ts';

/** Reloads while long answers are under way. */
export const streamDrills: readonly Drill[] = [
  {
    name: 'more old workers than allowed, kept by a long stream',
    promise: 'said; the reload waits for the stream to end, at most 30 s',
    async run(form) {
      await using rig = await startRig({ haproxy: { maxOldWorkers: 1 } });
      const { site, etcd } = rig;
      await using stream = await startStreamer();
      await etcd.put('/services/stream/one', stream.address);
      const serves = (port: number) => async () =>
        (await showServers(site.masterSocket)).includes(` ${port} `);
      await rig.time(serves(Number(stream.address.split(':')[1])), 'the stream');
      await rig.settled();
      const long = openStream(site.url);
      await waitFor(() => long.chunks() > 0);
      await etcd.put('/services/a/x', '127.0.0.1:20000');
      await rig.time(serves(20_000), 'a first reload');
      await rig.settled();
      const begun = performance.now();
      await etcd.put('/services/b/x', '127.0.0.1:20001');
      await rig.event('reload-delayed');
      const before = long.chunks();
      await waitFor(() => long.chunks() > before + 20);
      hold(!(await serves(20_001)()), 'the reload waits');
      if (form === 'short') {
        long.close();
      }
      await rig.time(serves(20_001), 'the change', 45_000);
      const ms = performance.now() - begun;
      hold(form === 'short' || !long.ended(), 'the stream is not cut');
      long.close();
      return { ms: within(ms, 40_000, 'the change'), seen: noFailures(rig.load) };
    },
  },
  manyChanges('reload'),
  manyChanges('auto'),
];

function manyChanges(mode: 'reload' | 'auto'): Drill {
  return {
    name: `200 changes in 2 s at 30 servers, ten long streams open (apply ${mode})`,
    promise: 'the last one live, 0 failed requests, no stream cut',
    async run(form) {
      await using rig = await startRig({
        more: { apply: { mode } },
        pace: form === 'full' ? { reloadInterval: '2s' } : { reloadInterval: '700ms' },
      });
      const { site, etcd } = rig;
      const backends = await Promise.all(Array.from({ length: 30 }, (_, at) => startBackend(`b${at}`)));
      await using stream = await startStreamer();
      await using stack = new AsyncDisposableStack();
      for (const backend of backends) {
        stack.use(backend);
      }
      await etcd.put('/services/stream/one', stream.address);
      for (const [at, backend] of backends.entries()) {
        await etcd.put(`/services/many/s${at}`, backend.address);
      }
      const serves = (id: string) => async () => (await showServers(site.masterSocket)).includes(` ${id} `);
      await rig.time(serves('s29'), '30 servers');
      await rig.settled();
      const streams = Array.from({ length: 10 }, () => openStream(site.url));
      await waitFor(() => streams.every((one) => one.chunks() > 0), { what: 'ten streams' });
      for (let change = 0; change < 200; change++) {
        const id = `s${change % 15}`;
        const address = backends[change % 15]?.address ?? '';
        if (change % 30 < 15) {
          await etcd.delete(`/services/many/${id}`);
        } else {
          await etcd.put(`/services/many/${id}`, address);
        }
        await sleep(change % 2 === 0 ? 8 : 9);
      }
      await etcd.put('/services/many/last', backends[0]?.address ?? '');
      const ms = await rig.time(serves('last'), 'the last change', 40_000);
      await rig.settled();
      const before = streams.map((one) => one.chunks());
      await waitFor(() => streams.every((one, at) => one.ended() || one.chunks() > (before[at] ?? 0)));
      const cut = streams.filter((one) => one.ended()).length;
      for (const one of streams) {
        one.close();
      }
      hold(cut === 0, `no stream was cut (${cut} were)`);
      const { reloads } = await showProc(site.masterSocket);
      return { ms, seen: `${noFailures(rig.load)}, ${reloads} reloads, 0 of 10 streams cut` };
    },
  };
}

/** Answers each request with a chunk every 50 ms, for ever. */
async function startStreamer(): Promise<{ readonly address: string } & AsyncDisposable> {
  const port = await freePort();
  const code = `require('http').createServer((q,s)=>{const t=setInterval(()=>s.write('x'),50);s.on('close',()=>clearInterval(t));s.flushHeaders()}).listen(${port},'127.0.0.1',()=>console.log('up'))`;
  const child = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise<void>((resolve) => void child.stdout.once('data', () => resolve()));
  return {
    address: `127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/** A long answer of the service `stream`. */
function openStream(url: string) {
  let [chunks, ended] = [0, false];
  const over = () => {
    ended = true;
  };
  const sent = get(url, { headers: { host: 'stream' }, agent: false }, (response) => {
    if (response.statusCode !== 200) {
      over();
    }
    response.on('data', () => {
      chunks += 1;
    });
    response.once('close', over);
    response.once('error', over);
  });
  sent.once('error', over);
  return { chunks: () => chunks, ended: () => ended, close: () => void sent.destroy() };
}
