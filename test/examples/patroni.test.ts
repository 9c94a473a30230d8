import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, createServer } from 'node:net';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { freePort, showProc, waitFor } from '../support/haproxy.ts';
import { oldestAndNewest } from '../support/haproxy-versions.ts';
import { makeSite, type Site } from '../support/pointsman.ts';

const FOLDER = new URL('../../examples/patroni/', import.meta.url);

describe.each(oldestAndNewest)('examples/patroni on HAProxy $name', ({ path: binary }) => {
  test('writers only ever reach the primary: while nodes come, over a reload, and after a failover', async () => {
    await using rig = await startRig(binary, 'checked');
    const { site, a, b, c, writer } = rig;
    await waitFor(async () => (await writer()) === 'a' && a.checks() > 2 && b.checks() > 2);
    const before = await showProc(site.masterSocket);
    // Its API does not answer yet.
    c.role = 'silent';
    await putNodes(site, [a, b, c]);
    await waitFor(() => c.checks() > 0, { what: 'the first check of the new node' });
    expect(await answers(writer, 40)).toEqual(['a']);
    c.role = 'replica';
    const seen = c.checks();
    await waitFor(() => c.checks() > seen + 2);
    expect(await answers(writer, 40)).toEqual(['a']);
    expect(await showProc(site.masterSocket)).toEqual(before);

    const template = path.join(site.folder, 'haproxy.cfg.njk');
    await writeFile(
      template,
      (await readFile(template, 'utf8')).replace('hard-stop-after 15m', 'hard-stop-after 14m'),
    );
    await waitFor(async () => {
      const now = await showProc(site.masterSocket).catch(() => null);
      return now !== null && now.workers[0] !== before.workers[0] && now.workers.length > 0;
    });
    expect(await answers(writer, 40)).toEqual(['a']);

    [a.role, b.role] = ['replica', 'primary'];
    // For two checks (`fall 2`) the old primary still counts as one.
    await waitFor(async () => (await answers(writer, 20)).join() === 'b', { what: 'the new primary alone' });
  });

  test('with newServers: up, a new node that has not been checked yet is reached by writers', async () => {
    await using rig = await startRig(binary, 'up');
    const { site, a, b, c, writer } = rig;
    await waitFor(async () => (await writer()) === 'a' && a.checks() > 2 && b.checks() > 2);
    c.role = 'silent';
    await putNodes(site, [a, b, c]);
    await waitFor(async () => (await writer()) === 'c', { what: 'a writer at the new node' });
  });
});

/** HAProxy and Pointsman with the example's template, on `a` (the primary) and `b`; `c` is not registered yet. */
async function startRig(binary: string, newServers: 'up' | 'checked') {
  await using stack = new AsyncDisposableStack();
  const settings = parse(await readFile(new URL('pointsman.yaml', FOLDER), 'utf8'));
  expect(settings).toMatchObject({ template: './haproxy.cfg.njk', apply: { newServers: 'checked' } });
  const [primary, replicas] = [await freePort(), await freePort()];
  const site = stack.use(
    await makeSite({
      haproxy: { binary },
      vars: { primary: `127.0.0.1:${primary}`, replicas: `127.0.0.1:${replicas}` },
      more: { template: settings.template, apply: { newServers } },
    }),
  );
  await copyFile(new URL('haproxy.cfg.njk', FOLDER), path.join(site.folder, 'haproxy.cfg.njk'));
  const a = stack.use(await startNode('a', 'primary'));
  const b = stack.use(await startNode('b', 'replica'));
  const c = stack.use(await startNode('c', 'replica'));
  await putNodes(site, [a, b]);
  const daemon = stack.use(await site.start());
  await daemon.ready();
  const writer = () => nameAt(primary);
  await waitFor(async () => (await nameAt(replicas)) === 'b', { what: 'a reader at the replica' });
  const held = stack.move();
  return { site, daemon, a, b, c, writer, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

/** A PostgreSQL that says its name, and its Patroni. */
interface Node extends AsyncDisposable {
  readonly name: string;
  readonly port: number;
  readonly api: number;
  role: 'primary' | 'replica' | 'silent';
  /** How often its API was asked. */
  checks(): number;
}

async function startNode(name: string, role: Node['role']): Promise<Node> {
  let checks = 0;
  const waiting = new Set<ServerResponse>();
  const database = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.end(name);
  });
  const api = createHttpServer((request, response) => {
    checks += 1;
    if (node.role === 'silent') {
      return void waiting.add(response);
    }
    response.writeHead(request.url === `/${node.role}` ? 200 : 503).end();
  });
  for (const server of [database, api]) {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  }
  const node: Node = {
    name,
    role,
    port: (database.address() as AddressInfo).port,
    api: (api.address() as AddressInfo).port,
    checks: () => checks,
    async [Symbol.asyncDispose]() {
      api.closeAllConnections();
      await Promise.all([database, api].map((one) => new Promise((resolve) => void one.close(resolve))));
    },
  };
  return node;
}

function putNodes(site: Site, nodes: readonly Node[]): Promise<void> {
  const values = nodes.map(({ name, port, api }) => [name, { host: '127.0.0.1', port, meta: { api } }]);
  const tree = { services: { postgres: Object.fromEntries(values) } };
  return writeFile(path.join(site.folder, 'services.yaml'), JSON.stringify(tree));
}

/** Who answers, or `nobody`. */
function nameAt(port: number): Promise<string> {
  return new Promise((resolve) => {
    let said = '';
    const socket = connect(port, '127.0.0.1');
    socket.setEncoding('utf8').setTimeout(5000, () => socket.destroy());
    socket.on('data', (text: string) => {
      said += text;
    });
    socket.on('error', () => undefined);
    socket.once('close', () => resolve(said === '' ? 'nobody' : said));
  });
}

/** Everybody who answers in so many connections. */
async function answers(ask: () => Promise<string>, count: number): Promise<string[]> {
  const names = new Set<string>();
  for (let at = 0; at < count; at++) {
    names.add(await ask());
  }
  return [...names].sort();
}
