import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { renderTree } from '../golden/render-case.ts';
import { freePort, startProcess, tempFolder, waitFor } from '../support/haproxy.ts';
import { haproxyVersions } from '../support/haproxy-versions.ts';

// The figures of docs/decisions/routing.md. Needs wrk and taskset (apt-get install wrk util-linux):
//   sh scripts/node.sh test/packaged-template/routing-bench.ts

const run = promisify(execFile);
const NAMES = Array.from({ length: 500 }, (_, at) => `svc-${String(at).padStart(4, '0')}`);
const named = (name: string) => [name, `${name}.example.com`];
const foreign = (name: string) => [`x${name}.example.org`, `www.x${name}.example.org`];

interface Case {
  readonly title: string;
  readonly names: readonly string[];
  readonly routes: Readonly<Record<string, object>>;
  readonly hosts: (name: string) => readonly string[];
}

const few = (from: number, to: number, route: (name: string) => object) =>
  Object.fromEntries(NAMES.slice(from, to).map((name) => [name, route(name)]));
const CASES: readonly Case[] = [
  { title: 'one service', names: NAMES.slice(0, 1), routes: {}, hosts: named },
  { title: '500 services, hosts by name', names: NAMES, routes: {}, hosts: named },
  {
    title: 'the same, 50 with a suffix, 50 with paths',
    names: NAMES,
    routes: {
      ...few(0, 50, (name) => ({ hosts: [...named(name), `*.${name}.example.com`] })),
      ...few(50, 100, (name) => ({ hosts: named(name), paths: ['/some', '/other'] })),
    },
    hosts: named,
  },
  {
    title: '500 services, other hosts (a list)',
    names: NAMES,
    routes: few(0, 500, (name) => ({ hosts: foreign(name) })),
    hosts: foreign,
  },
];

/** The backends answer by themselves, so that only the frontend is measured. */
async function configOf({ names, routes }: Case, port: number): Promise<string> {
  const services = Object.fromEntries(names.map((name, at) => [name, { a: `127.0.0.1:${20_000 + at}` }]));
  const settings = {
    haproxy: { statsSocket: '' },
    vars: { bind: `127.0.0.1:${port}`, domain: 'example.com', nbthread: 1 },
  };
  const { text } = await renderTree(JSON.stringify({ services, routes }), JSON.stringify(settings));
  return text.replace(
    /^ {2}server .*/gm,
    '  http-request return status 200 content-type text/plain string ok',
  );
}

function script(hosts: readonly string[]): string {
  return `local requests = {}
init = function()
  math.randomseed(7)
  for host in string.gmatch("${hosts.join(' ')}", "%S+") do
    requests[#requests + 1] = wrk.format("GET", "/some/path?x=1", { Host = host })
  end
end
request = function() return requests[math.random(#requests)] end
`;
}

/** CPU time that a process has used, in seconds. */
async function cpuOf(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

async function measure(binary: string, one: Case): Promise<string> {
  await using folder = await tempFolder();
  const port = await freePort();
  const [config, lua] = ['haproxy.cfg', 'hosts.lua'].map((name) => path.join(folder.path, name)) as [
    string,
    string,
  ];
  await writeFile(config, await configOf(one, port));
  await writeFile(lua, script(one.names.flatMap(one.hosts)));
  await using haproxy = await startProcess('taskset', ['-c', '0', binary, '-db', '-f', config]);
  const wrk = (seconds: number) =>
    run('taskset', [
      '-c',
      '1',
      'wrk',
      '-t1',
      '-c16',
      `-d${seconds}s`,
      '--latency',
      '-s',
      lua,
      `http://127.0.0.1:${port}/`,
    ]);
  await waitFor(() => wrk(1).catch(() => null), { what: 'HAProxy', every: 200 });
  const before = await cpuOf(haproxy.pid);
  const { stdout } = await wrk(3);
  const cpu = (await cpuOf(haproxy.pid)) - before;
  const found = (pattern: RegExp) => pattern.exec(stdout)?.[1] ?? '?';
  const micros = ((cpu / Number(found(/(\d+) requests in/))) * 1e6).toFixed(1);
  const failed = /Non-2xx/.test(stdout) ? ' | some failed!' : '';
  return `${micros} µs | ${found(/Requests\/sec:\s+(\S+)/)} | ${found(/^\s+50%\s+(\S+)/m)}${failed}`;
}

for (const { name, path: binary } of haproxyVersions) {
  for (const one of CASES) {
    for (let n = 0; n < 3; n += 1) {
      console.log(`${name} | ${one.title} | ${await measure(binary, one)}`);
    }
  }
}
