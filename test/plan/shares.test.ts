import { Agent, request } from 'node:http';
import { expect, test } from 'vitest';
import { Planner } from '../../src/plan/planner.ts';
import { runtimeLines } from '../../src/plan/runtime-lines.ts';
import { type Backend, startBackend, tempFolder } from '../support/haproxy.ts';
import { haproxyVersions } from '../support/haproxy-versions.ts';
import { type PlainHaproxy, plainHead, startPlain } from './running-state.ts';

const REQUESTS = 150;

/** A backend of the test, and what its algorithm promises. */
interface Shared {
  readonly name: string;
  readonly lines: readonly string[];
  /** What a server says after its address. */
  readonly keywords: (server: string) => string;
  /** The least that each server gets of 150 requests; `first`: one gets all. */
  readonly least: number | 'first';
  readonly since?: number;
}

const none = () => '';
const withId = (server: string) => ` id ${(server.codePointAt(0) ?? 0) * 1000}`;
const RING = ['hash-type consistent'];
/** Even shares of three are 50; drawn and hashed ones stay within five deviations, and leastconn goes by how quick servers are. */
const ALGORITHMS: readonly Shared[] = [
  { name: 'roundrobin', lines: ['balance roundrobin'], keywords: none, least: 45 },
  { name: 'leastconn', lines: ['balance leastconn'], keywords: none, least: 10 },
  { name: 'none-named', lines: [], keywords: none, least: 20 },
  { name: 'random', lines: ['balance random'], keywords: none, least: 20, since: 3 },
  { name: 'random-ids', lines: ['balance random'], keywords: withId, least: 20 },
  { name: 'random-one', lines: ['balance random(1)'], keywords: withId, least: 20 },
  { name: 'first', lines: ['balance first'], keywords: withId, least: 'first' },
  { name: 'uri', lines: ['balance uri', ...RING], keywords: withId, least: 15 },
  { name: 'header', lines: ['balance hdr(x-key)', ...RING], keywords: withId, least: 15 },
  {
    name: 'addresses',
    lines: ['balance uri', ...RING],
    keywords: () => ' hash-key addr-port',
    least: 10,
    since: 3,
  },
];

test.each(haproxyVersions)(
  'servers that come at run time get their share of the requests on HAProxy $name, with each algorithm',
  async ({ name: version, path: binary }) => {
    await using folder = await tempFolder();
    await using stack = new AsyncDisposableStack();
    const servers = new Map<string, Backend>();
    for (const name of 'abcdef') {
      servers.set(name, stack.use(await startBackend(name)));
    }
    const algorithms = ALGORITHMS.filter(({ since = 0 }) => Number(version) >= since);
    const text = (names: string) => configuration(folder.path, { algorithms, servers, names });
    const haproxy = stack.use(
      await startPlain({ binary, folder: folder.path, name: 'shares', text: text('') }),
    );
    const planner = new Planner(text(''), { version });
    const move = (names: string) => moveTo(text(names), planner, haproxy);
    const look = async (names: string) => {
      for (const algorithm of algorithms) {
        const counts = await count(`${folder.path}/shares.front`, algorithm.name);
        expect({ [algorithm.name]: verdict(counts, names, algorithm) }).toEqual({ [algorithm.name]: 'good' });
      }
    };
    for (const names of ['a', 'ab', 'abc']) {
      await move(names);
    }
    await look('abc');
    for (const names of ['abcd', 'bcd', 'bcde', 'cde', 'cdef', 'def']) {
      await move(names);
    }
    await look('def');
    await move('adef');
    await look('adef');
  },
);

function configuration(
  folder: string,
  {
    algorithms,
    servers,
    names,
  }: { algorithms: readonly Shared[]; servers: Map<string, Backend>; names: string },
): string {
  const backends = algorithms.map(({ name, lines, keywords }) => {
    const all = [...names].map((one) => `server ${one} ${servers.get(one)?.address}${keywords(one)}`);
    return `backend ${name}\n${[...lines, ...all].map((line) => `  ${line}\n`).join('')}`;
  });
  const defaults = '  mode http\n  timeout connect 5s\n  timeout server 5s\n  option http-server-close\n';
  return `${plainHead(folder, 'shares')}  use_backend %[req.hdr(x-backend)]\ndefaults\n${defaults}${backends.join('')}`;
}

async function moveTo(text: string, planner: Planner, haproxy: PlainHaproxy): Promise<void> {
  const plan = planner.plan(text);
  if (plan.kind !== 'runtime') {
    throw new Error(`no runtime plan: ${JSON.stringify(plan)}`);
  }
  await haproxy.apply(plan.commands.flatMap((command) => runtimeLines(command, { newServers: 'up' })));
  planner.moveTo(text);
}

/** How many of 150 requests each server answers, which say its name. */
async function count(socketPath: string, backend: string): Promise<Map<string, number>> {
  const agent = new Agent({ keepAlive: true, maxSockets: 4 });
  const numbers = Array.from({ length: REQUESTS }, (_, n) => n * 7919);
  const answers = await Promise.all(
    numbers.map(
      (n) =>
        new Promise<string>((resolve, reject) => {
          const headers = { 'x-backend': backend, 'x-key': `key-${n}` };
          const asked = request({ socketPath, path: `/page/${n}`, agent, headers }, (response) => {
            let body = '';
            response.on('data', (chunk) => {
              body += String(chunk);
            });
            response.once('end', () =>
              resolve(`${response.statusCode === 200 ? body : response.statusCode}`),
            );
          });
          asked.once('error', reject).end();
        }),
    ),
  );
  agent.destroy();
  const counts = new Map<string, number>();
  for (const answer of answers) {
    counts.set(answer, (counts.get(answer) ?? 0) + 1);
  }
  return counts;
}

function verdict(counts: ReadonlyMap<string, number>, names: string, { least }: Shared): string {
  const said = [...counts].sort().map(([name, times]) => `${name} ${times}`);
  const share = least === 'first' ? 0 : (least * 3) / names.length;
  const expected = least === 'first' ? names.slice(0, 1) : names;
  const known = [...counts.keys()].every((name) => expected.includes(name));
  const good = known && [...expected].every((name) => (counts.get(name) ?? 0) >= share);
  return good ? 'good' : said.join(', ');
}
