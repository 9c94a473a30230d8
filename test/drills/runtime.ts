import { Agent, createServer, get, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { cli, freePort, showProc, startBackend, waitFor } from '../support/haproxy.ts';
import type { HaproxyBinary } from '../support/haproxy-versions.ts';
import type { Drill } from './drill.ts';
import { hold, noFailures, type Rig, showServers, startRig, within } from './rig.ts';

/** Changes without a reload, and what gets in their way, on one HAProxy. */
export function runtimeDrillsOn(binary: HaproxyBinary): readonly Drill[] {
  return [strangers, slowRequests, flapping, downServers, movedByHand].map((drill) => drill(binary));
}

function rigOf({ path }: HaproxyBinary): Promise<Rig> {
  return startRig({ haproxy: { binary: path }, more: { apply: { mode: 'auto' } } });
}

/** Milliseconds between a change and a stranger's reload: before, within and after what Pointsman does. */
const OFFSETS = {
  short: [-15, 2, 8, 30],
  full: [-60, -30, -15, -5, 0, 1, 2, 3, 4, 6, 8, 10, 15, 20, 40, 80],
};

function strangers(binary: HaproxyBinary): Drill {
  return {
    name: `a stranger reloads HAProxy ${binary.name} before, in the middle of and after a change`,
    promise: 'live within 5 s, 0 failed requests, no old worker left',
    async run(form) {
      await using rig = await rigOf(binary);
      await using two = await startBackend('two');
      const { masterSocket } = rig.site;
      const there = () => serves(masterSocket, 'two');
      let worst = 0;
      for (const offset of OFFSETS[form]) {
        // It does not answer while it loads.
        const proc = () => showProc(masterSocket).catch(() => null);
        const reload = async () => process.kill((await waitFor(proc)).master, 'SIGUSR2');
        if (offset < 0) {
          await reload();
        }
        if (offset < 0) {
          await sleep(-offset);
        }
        const begun = performance.now();
        await rig.etcd.put('/services/web/two', two.address);
        if (offset >= 0) {
          await sleep(offset);
        }
        if (offset >= 0) {
          await reload();
        }
        await rig.settled();
        await rig.time(there, 'the change');
        worst = Math.max(worst, performance.now() - begun);
        const seen = two.requests();
        await rig.time(() => two.requests() > seen, 'traffic at the new server');
        await rig.etcd.delete('/services/web/two');
        await rig.time(async () => !(await there()), 'the removal');
        await rig.settled();
      }
      const old = async () =>
        /\n# old workers\n\d/.test(await cli(masterSocket, 'show proc').catch(() => '\n# old workers\n1'));
      await rig.time(async () => !(await old()), 'the old workers to end');
      return { ms: within(worst, 5000, 'live'), seen: noFailures(rig.load) };
    },
  };
}

function slowRequests(binary: HaproxyBinary): Drill {
  return {
    name: `an instance is deleted under a slow request and a kept-alive connection, HAProxy ${binary.name}`,
    promise: '0 failed, no reload, the server is gone afterwards',
    async run(form) {
      await using rig = await rigOf(binary);
      await using slow = await startSlow();
      const { site } = rig;
      await rig.etcd.put('/services/web/slow', slow.address);
      await rig.time(async () => (await showServers(site.masterSocket)).includes(' slow '), 'the instance');
      const { reloads } = await showProc(site.masterSocket);
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      try {
        const kept = () => textOf(answer(site.url, agent));
        const whole = await slow.begin(site.url);
        await rig.etcd.delete('/services/web/slow');
        await rig.time(() => lingers(site.masterSocket, 'slow'), 'the removal');
        const end = Date.now() + (form === 'full' ? 5000 : 800);
        let requests = 0;
        while (Date.now() < end) {
          hold((await kept()) === 'one', 'the kept-alive connection is answered by the one that is left');
          requests += 1;
        }
        slow.finish();
        hold((await whole.text) === 'begun and done', 'the slow request gets its whole answer');
        const gone = async () => !(await showServers(site.masterSocket)).includes(' slow ');
        const ms = await rig.time(gone, 'the server to be deleted');
        hold((await showProc(site.masterSocket)).reloads === reloads, 'nothing was reloaded');
        return { ms, seen: `${noFailures(rig.load)}, ${requests} on one connection` };
      } finally {
        agent.destroy();
      }
    },
  };
}

function flapping(binary: HaproxyBinary): Drill {
  return {
    name: `an instance with a long stream goes and comes again and again, HAProxy ${binary.name}`,
    promise: 'no reload, the stream goes on, 0 failed requests',
    async run(form) {
      await using rig = await rigOf(binary);
      await using slow = await startSlow();
      const { masterSocket, url } = rig.site;
      await rig.etcd.put('/services/web/slow', slow.address);
      await rig.time(() => serves(masterSocket, 'slow'), 'the instance');
      const whole = await slow.begin(url);
      const { reloads } = await showProc(masterSocket);
      let worst = 0;
      for (let flap = 0; flap < (form === 'full' ? 20 : 3); flap++) {
        await rig.etcd.delete('/services/web/slow');
        await rig.time(() => lingers(masterSocket, 'slow'), 'the removal');
        await rig.etcd.put('/services/web/slow', slow.address);
        worst = Math.max(worst, await rig.time(() => serves(masterSocket, 'slow'), 'the revival'));
      }
      slow.finish();
      hold((await whole.text) === 'begun and done', 'the stream went on');
      hold((await showProc(masterSocket)).reloads === reloads, 'nothing was reloaded');
      return { ms: worst, seen: noFailures(rig.load) };
    },
  };
}

function downServers(binary: HaproxyBinary): Drill {
  return {
    name: `reloads with a server that is down, HAProxy ${binary.name}`,
    promise: 'down in the new worker from its first moment, the others up',
    async run(form) {
      await using rig = await rigOf(binary);
      const { masterSocket } = rig.site;
      await rig.etcd.put('/services/web/dead', `127.0.0.1:${await freePort()}`);
      await rig.time(async () => (await stateOf(masterSocket, 'dead'))?.up === false, 'the check to fail');
      for (let round = 0; round < (form === 'full' ? 10 : 2); round++) {
        const { workers } = await showProc(masterSocket);
        // A new service is a new backend: a reload.
        await rig.etcd.put(`/services/other-${round}/one`, `127.0.0.1:${await freePort()}`);
        await rig.time(async () => {
          const now = await showProc(masterSocket).catch(() => null);
          return now?.workers[0] !== undefined && now.workers[0] !== workers[0];
        }, 'the reload');
        const both = async () => [await stateOf(masterSocket, 'dead'), await stateOf(masterSocket, 'one')];
        const [dead, one] = await waitFor(async () => {
          const states = await both();
          return states.includes(null) ? null : states;
        });
        hold(dead?.up === false, 'the server that was down is down');
        hold(one?.up === true, 'the server that was up is up');
        await rig.settled();
      }
      return { ms: null, seen: noFailures(rig.load) };
    },
  };
}

function movedByHand(binary: HaproxyBinary): Drill {
  return {
    name: `somebody moves a server by the Runtime API, HAProxy ${binary.name}`,
    promise: 'noticed and put right within apply.readBack and 3 s, said; 0 failed requests',
    async run(form) {
      const readBack = form === 'full' ? 5000 : 500;
      const apply = { mode: 'auto', readBack: `${readBack}ms` };
      await using rig = await startRig({ haproxy: { binary: binary.path }, more: { apply } });
      await using stranger = await startBackend('stranger');
      const { masterSocket, statsSocket } = rig.site;
      const [host, port] = stranger.address.split(':');
      const rows = () => showServers(masterSocket);
      await rig.settled();
      await cli(statsSocket, `set server be_web/one addr ${host} port ${port}`);
      hold((await rows()).includes(` ${port} `), 'the server is moved');
      const right = async () => !(await rows()).includes(` ${port} `);
      const ms = await rig.time(right, 'it to be put right');
      await rig.time(
        () => rig.daemon.log().some(({ event }) => event === 'servers-drifted'),
        'the word about it',
      );
      return { ms: within(ms, readBack + 3000, 'put right'), seen: noFailures(rig.load) };
    },
  };
}

interface ServerState {
  readonly up: boolean;
  readonly maint: boolean;
}

async function stateOf(masterSocket: string, server: string): Promise<ServerState | null> {
  const rows = (await showServers(masterSocket)).split('\n').map((line) => line.split(' '));
  const row = rows.find((columns) => columns[1] === 'be_web' && columns[3] === server);
  return row ? { up: row[5] === '2', maint: (Number(row[6]) & 1) === 1 } : null;
}

async function lingers(masterSocket: string, server: string): Promise<boolean> {
  return (await stateOf(masterSocket, server))?.maint === true;
}

async function serves(masterSocket: string, server: string): Promise<boolean> {
  const state = await stateOf(masterSocket, server);
  return state?.up === true && !state.maint;
}

/** An instance that begins the answers to `/slow` and ends them when it is told to; others it answers as `one`. */
async function startSlow() {
  const open: ServerResponse[] = [];
  const server = createServer((request, response) => {
    // A connection that waits in HAProxy's pool would hold the server there for some more seconds.
    response.setHeader('connection', 'close');
    if (request.url !== '/slow') {
      return void response.end('one');
    }
    response.write('begun');
    open.push(response);
  });
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${port}`,
    /** Requests until one begins here; `text` is its whole answer. */
    async begin(url: string): Promise<{ readonly text: Promise<string> }> {
      for (;;) {
        const before = open.length;
        const response = await answer(`${url}/slow`, new Agent());
        if (open.length > before) {
          const text = textOf(Promise.resolve(response));
          // Where the drill fails, nobody waits for it.
          text.catch(() => undefined);
          return { text };
        }
        response.resume();
      }
    },
    finish() {
      for (const response of open) {
        response.end(' and done');
      }
    },
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

function answer(url: string, agent: Agent): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get(url, { agent }, resolve).once('error', reject);
  });
}

async function textOf(answered: Promise<IncomingMessage>): Promise<string> {
  const response = await answered;
  response.setEncoding('utf8');
  let text = '';
  for await (const part of response) {
    text += String(part);
  }
  return text;
}
