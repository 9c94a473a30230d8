import { Agent, request } from 'node:http';
import { expect, test } from 'vitest';
import { plan } from '../../src/plan/planner.ts';
import { runtimeLines } from '../../src/plan/runtime-lines.ts';
import { type Backend, startBackend, tempFolder } from '../support/haproxy.ts';
import { haproxyVersions } from '../support/haproxy-versions.ts';
import { plainHead, startPlain } from './running-state.ts';

const RING = `  default_backend ring
defaults
  mode http
  timeout connect 5s
  timeout server 5s
backend ring
  balance uri
  hash-type consistent
  http-response set-header x-server %s
`;

/** Which server answers to each of 150 URIs. */
async function answers(front: string): Promise<string[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 4 });
  const paths = Array.from({ length: 150 }, (_, n) => `/page/${n * 7919}`);
  const names = await Promise.all(paths.map((path) => answerOf(front, path, agent)));
  agent.destroy();
  return names;
}

function answerOf(socketPath: string, path: string, agent: Agent): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path, agent }, (response) => {
      response.resume().once('end', () => resolve(String(response.headers['x-server'])));
    });
    asked.once('error', reject).end();
  });
}

/** By what a ring can go, so that a change at run time gives the same one as a start. */
const RINGS = haproxyVersions.flatMap((haproxy) => [
  { haproxy, by: 'ids', says: (n: number) => `id ${n * 1000}` },
  ...(Number(haproxy.name) < 3 ? [] : [{ haproxy, by: 'addresses', says: () => 'hash-key addr-port' }]),
]);

test.each(RINGS)(
  'a consistent hash of HAProxy $haproxy.name by $by gives every URI to the server that a fresh start would',
  async ({ haproxy: { name: version, path: binary }, says }) => {
    await using folder = await tempFolder();
    await using stack = new AsyncDisposableStack();
    const backends: Backend[] = [];
    for (let n = 1; n <= 7; n++) {
      backends.push(stack.use(await startBackend(`s-${n}`)));
    }
    const line = (n: number, weight = 1) =>
      `  server s-${n} ${backends[n - 1]?.address} ${says(n)} weight ${weight}\n`;
    const text = (name: string, lines: string[]) => plainHead(folder.path, name) + RING + lines.join('');
    const before = [line(1), line(2), line(4, 3), line(5)];
    const after = [line(7), line(1), line(3, 2), line(4), line(6)];
    const start = (name: string, lines: string[]) =>
      startPlain({ binary, folder: folder.path, name, text: text(name, lines) });
    await using running = await start('running', before);
    const old = await answers(`${folder.path}/running.front`);
    const made = plan(text('running', before), text('running', after), { version });
    expect(made.kind).toBe('runtime');
    const commands = made.kind === 'runtime' ? made.commands : [];
    const lines = commands.flatMap((command) => runtimeLines(command, { newServers: 'up' }));
    // Connections that are kept for the next request hold a server that goes.
    await running.apply(lines.filter((one) => !one.startsWith('del ')));
    await using _ = await start('fresh', after);
    const now = await answers(`${folder.path}/running.front`);
    expect(now).toEqual(await answers(`${folder.path}/fresh.front`));
    expect(now).not.toEqual(old);
    expect(new Set(now)).toEqual(new Set(['s-7', 's-1', 's-3', 's-4', 's-6']));
  },
);
