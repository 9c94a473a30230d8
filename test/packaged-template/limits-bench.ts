import { readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import path from 'node:path';
import { renderTree } from '../golden/render-case.ts';
import { freePort, startProcess, tempFolder, waitFor } from '../support/haproxy.ts';
import { haproxyVersions } from '../support/haproxy-versions.ts';

// The figures of docs/decisions/routing.md, "At the limits": what a request costs HAProxy where everything that the limits
// allow is asked for.
//   sh scripts/node.sh test/packaged-template/limits-bench.ts [HAPROXY BRANCH]

type Tree = Readonly<Record<string, object>>;
interface Case {
  readonly title: string;
  readonly services: Tree;
  readonly routes: Tree;
}

const list = (count: number, of: (at: number) => string) => Array.from({ length: count }, (_, at) => of(at));
const some = (count: number, of: (at: number) => object): Tree =>
  Object.fromEntries(list(count, (at) => `evil-${at}`).map((name, at) => [name, of(at)]));
const server = (at: number) => ({ a: `127.0.${(at >> 8) & 255}.${at & 255}:${1024 + (at >> 16)}` });
const SHOP = { shop: { a: '127.1.0.1:80' } };

/** `count` services with a route each. */
const routed = (title: string, count: number, route: (at: number) => object): Case => ({
  title,
  services: { ...SHOP, ...some(count, server) },
  routes: some(count, route),
});
const hosts = (count: number, of: number) => list(count, (at) => `h${at}.s${of}.evil.example`);
const paths = (count: number, of: number) => list(count, (at) => `/s${of}/p${at}`);

const CASES: readonly Case[] = [
  { title: 'one service', services: SHOP, routes: {} },
  routed('placesPerService: 40 hosts x 25 paths', 1, (at) => ({
    hosts: hosts(40, at),
    paths: paths(25, at),
  })),
  routed('routes: 20 services of 40 hosts x 25 paths', 20, (at) => ({
    hosts: hosts(40, at),
    paths: paths(25, at),
  })),
  routed('routes: 20 services with 1,000 paths each on the same host', 20, (at) => ({
    hosts: ['all.evil.example'],
    paths: paths(1000, at),
  })),
  routed('routes: 20 services with 40 hosts in common x 25 paths', 20, (at) => ({
    hosts: hosts(40, 0),
    paths: paths(25, at),
  })),
  routed('routes: 20 services of 1,000 *.hosts', 20, (at) => ({
    hosts: hosts(1000, at).map((host) => `*.${host}`),
  })),
  routed('routes: 20 services with 1,000 paths each on any host', 20, (at) => ({ paths: paths(1000, at) })),
  routed('hosts: 50 services of 1,000', 50, (at) => ({ hosts: hosts(1000, at) })),
  routed('hosts: 25,000 services of 2 by their names', 25_000, () => ({})),
  routed('hosts: 50,000 services of one other host', 50_000, (at) => ({ hosts: hosts(1, at) })),
];

/** The backends answer by themselves, so that only the frontend is measured. */
async function configOf({ services, routes }: Case, port: number, version: string): Promise<string> {
  const settings = {
    haproxy: { statsSocket: '' },
    vars: { bind: `127.0.0.1:${port}`, domain: 'example.com', nbthread: 1 },
  };
  const tree = JSON.stringify({ services, routes });
  const { text, rejected } = await renderTree(tree, JSON.stringify(settings), undefined, version);
  if (rejected.length > 0) {
    throw new Error(`rejected: ${rejected[0]?.reason}`);
  }
  return text
    .replace(/^ {2}server .*/gm, '')
    .replace(/^backend be_.*/gm, '$&\n  http-request return status 200');
}

/** CPU time that a process has used, in seconds. */
async function cpuOf(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Sends `count` requests on one connection, some ahead; gives the first line of the last answer. */
function send(port: number, host: string, count: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' });
    const text = `GET /some/path HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
    let [sent, answered, first] = [0, 0, ''];
    const more = () => {
      const now = Math.min(count - sent, 16 - (sent - answered));
      sent += Math.max(0, now);
      socket.write(text.repeat(Math.max(0, now)));
    };
    socket.setEncoding('latin1').on('data', (data: string) => {
      first = /^HTTP\/1\.1 \d+/.exec(data)?.[0] ?? first;
      answered += data.match(/HTTP\/1\.1 \d/g)?.length ?? 0;
      if (answered >= count) {
        socket.destroy();
        resolve(first);
      } else {
        more();
      }
    });
    socket.once('connect', more).once('error', reject);
    socket.once('close', () => reject(new Error('HAProxy closed the connection')));
  });
}

/** CPU per request in microseconds: as many requests as take a second or so. */
async function costOf(pid: number, port: number, host: string): Promise<string> {
  let count = 200;
  for (;;) {
    const before = await cpuOf(pid);
    const answer = await send(port, host, count);
    const cpu = (await cpuOf(pid)) - before;
    if (cpu >= 0.5 || count >= 200_000) {
      return `${((cpu / count) * 1e6).toFixed(1)} µs (${answer.slice(9)})`;
    }
    count = Math.min(200_000, Math.ceil(count * Math.min(20, Math.max(2, 0.8 / Math.max(cpu, 0.01)))));
  }
}

const wanted = process.argv[2];
for (const { name, path: binary } of haproxyVersions.filter((one) => !wanted || one.name === wanted)) {
  for (const one of CASES) {
    await using folder = await tempFolder();
    const port = await freePort();
    const config = path.join(folder.path, 'haproxy.cfg');
    await writeFile(config, await configOf(one, port, name));
    const started = performance.now();
    await using haproxy = await startProcess(binary, ['-db', '-f', config]);
    await waitFor(() => send(port, 'shop', 1).catch(() => null), { what: 'HAProxy', timeout: 120_000 });
    const start = ((performance.now() - started) / 1000).toFixed(1);
    const costs = [
      await costOf(haproxy.pid, port, 'shop'),
      await costOf(haproxy.pid, port, 'nobody.example.org'),
    ];
    console.log(`${name} | ${one.title} | ${costs.join(' | ')} | loaded in ${start} s`);
  }
}
