import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { startAnnounce, type TestAnnounce } from '../support/announce.ts';
import { freePort, request } from '../support/haproxy.ts';
import type { ApplyMode } from './announce-rig.ts';
import { noneLost, startAsking } from './asking.ts';
import type { DrillResult, ModeDrill } from './drill.ts';
import { hold, noFailures, type Rig, startRig } from './rig.ts';

/** It ends at once at SIGTERM, whatever is under way; a page of it takes 300 ms, and has begun by then. */
const SERVICE = `
const [name, port] = process.argv.slice(1);
const server = require('node:http').createServer((request, response) => {
  response.writeHead(200, { 'content-length': name.length });
  response.flushHeaders();
  setTimeout(() => response.end(name), request.url === '/cgi-bin/slow' ? 300 : 0);
});
server.listen(port, '127.0.0.1');
`;

async function startOne({ etcd, site }: Rig, name: string): Promise<TestAnnounce> {
  const stateDir = path.join(site.folder, name);
  await mkdir(stateDir, { recursive: true });
  const port = String(await freePort());
  return startAnnounce({
    etcd,
    stateDir,
    flags: ['--service', 'shop', '--instance', name, '--port', port, '--host', '127.0.0.1', '--drain', '1s'],
    more: ['--exec', process.execPath, '-e', SERVICE, '--', `shop/${name}`, port],
  });
}

/** Three services as children, each ended and started anew, twice. */
async function inTurn(mode: ApplyMode, form: 'short' | 'full'): Promise<DrillResult> {
  await using rig = await startRig({ more: { apply: { mode } } });
  await using stack = new AsyncDisposableStack();
  const names = ['one', 'two', 'three'];
  const running = new Map<string, TestAnnounce>();
  stack.defer(async () => {
    await Promise.all([...running.values()].map((one) => one[Symbol.asyncDispose]()));
  });
  const start = async (name: string) => {
    running.set(name, await startOne(rig, name));
    return rig.time(
      async () => (await request(rig.site.url, { host: 'shop' }).catch(() => null))?.body === `shop/${name}`,
      `${name} to be served`,
    );
  };
  for (const name of names) {
    await start(name);
  }
  const asking = stack.use(startAsking(rig.site.url, ['shop']));
  let worst = 0;
  for (const name of form === 'full' ? [...names, ...names] : names.slice(0, 2)) {
    const one = running.get(name);
    one?.child.kill('SIGTERM');
    const code = await one?.ended;
    hold(code === 143, `its exit code is that of the service, not ${code}`);
    worst = Math.max(worst, await start(name));
  }
  return {
    ms: worst,
    seen: `${noneLost(asking)}, ${noFailures(rig.load)}`,
  };
}

/** Services that are children of announce. */
export const announceExecDrills: readonly ModeDrill[] = [
  {
    name: 'announce --exec: services that end at once at SIGTERM, each of three started anew in turn',
    promise: '0 failed requests (the time is from the start of announce to served)',
    run: inTurn,
  },
];
