import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { cli, freePort, showProc, startHaproxy, waitFor } from '../support/haproxy.ts';
import { oldestAndNewest } from '../support/haproxy-versions.ts';
import { type Daemon, makeSite, type Site } from '../support/pointsman.ts';

const baseText = (site: Site, maxconn: number) => `global
  stats socket ${site.statsSocket} mode 600 level admin
defaults
  mode http
  timeout connect 1s
  timeout client 1s
  timeout server 1s
  default-server inter 500ms fall 2 rise 1 maxconn ${maxconn} ssl verify none
frontend f
  bind 127.0.0.1:${site.httpPort}
  default_backend web
`;
const TEMPLATE = `backend web
{% for i in service("web").instances %}
  server {{ i.id }} {{ i.address }} check
{% endfor %}
`;

describe.each(oldestAndNewest)('on HAProxy $name, with defaults in another file', ({ path: binary }) => {
  test('servers of the Runtime API have its TLS, its limits and its checks', async () => {
    await using one = await countConnections();
    await using two = await countConnections();
    await using rig = await startRig(binary, one.port);
    const { site, daemon } = rig;
    const before = await showProc(site.masterSocket);
    await putInstances(site, [one.port, two.port]);
    await waitFor(() => outcomes(daemon).includes('runtime'), { what: 'a change at run time' });
    expect(await showProc(site.masterSocket)).toEqual(before);
    expect(await usesTls(site)).toEqual(['1', '1']);
    expect(await limits(site)).toEqual(['50', '50']);
    const set = ['--set', `output.path=${rig.configPath}`, '--set', 'haproxy.mode=master-socket'];
    const { stdout } = await site.run('check', ...set);
    expect(stdout).toContain(
      `HAProxy loads ${rig.base}, ${rig.configPath}; what our servers inherit from the others is read`,
    );
    expect(stdout).toContain('haproxy.checkCommand judges ours alone: name them all, in this order');
    // Checks come every 500 ms and not every 2 s: as often as those of the server of the file.
    const from = [one.count(), two.count()];
    await waitFor(() => one.count() >= (from[0] ?? 0) + 8);
    expect(two.count() - (from[1] ?? 0)).toBeGreaterThanOrEqual(5);
  });

  test('where it was changed since HAProxy loaded it, a change is a reload that says why', async () => {
    await using one = await countConnections();
    await using two = await countConnections();
    await using rig = await startRig(binary, one.port);
    const { site, daemon, base } = rig;
    await writeFile(base, baseText(site, 60));
    await older();
    await putInstances(site, [one.port, two.port]);
    const pass = await waitFor(() => daemon.log().find(({ outcome }) => outcome === 'reloaded'));
    expect(String(pass.msg)).toContain(`HAProxy loads ${base} too, which was changed since or right before`);
    const notice = daemon.log().find(({ event }) => event === 'notice');
    expect(String(notice?.msg)).toMatch(/^every change of servers is a reload: HAProxy loads /);
    expect(await limits(site)).toEqual(['60', '60']);
    await putInstances(site, [two.port]);
    await waitFor(() => outcomes(daemon).includes('runtime'), { what: 'a change at run time' });
    expect(await limits(site)).toEqual(['60']);
  });
});

/** Pointsman and a HAProxy that loads a file of its own before ours. */
async function startRig(binary: string, port: number) {
  await using stack = new AsyncDisposableStack();
  const site = stack.use(await makeSite({ more: { template: './own.njk' } }));
  const base = path.join(site.folder, 'base.cfg');
  const configPath = path.join(site.folder, 'conf.d', '50-services.cfg');
  await mkdir(path.dirname(configPath));
  await writeFile(base, baseText(site, 50));
  await writeFile(path.join(site.folder, 'own.njk'), TEMPLATE);
  await putInstances(site, [port]);
  const set = {
    'output.path': configPath,
    'haproxy.mode': 'master-socket',
    'haproxy.checkCommand': `[${binary}, -c, -f, "${base}", -f, "{config}"]`,
  };
  const flags = Object.entries(set).flatMap(([name, value]) => ['--set', `${name}=${value}`]);
  const daemon = stack.use(await site.start({ flags }));
  await waitFor(() => outcomes(daemon).includes('published-waiting'), { timeout: 20_000 });
  await older();
  const files = [base, path.dirname(configPath)];
  stack.use(await startHaproxy({ binary, configPath, masterSocket: site.masterSocket, files }));
  await daemon.ready();
  const held = stack.move();
  return { site, daemon, base, configPath, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

/** A file that is as young as the worker counts as changed: waits until what was written now is old enough. */
function older(): Promise<unknown> {
  const then = Date.now() + 3500;
  return waitFor(() => Date.now() > then);
}

const outcomes = (daemon: Daemon) => daemon.log().map(({ outcome }) => outcome);
function putInstances(site: Site, ports: readonly number[]): Promise<void> {
  const lines = ports.map((port, at) => `    i${at}: 127.0.0.1:${port}\n`);
  return writeFile(path.join(site.folder, 'services.yaml'), `services:\n  web:\n${lines.join('')}`);
}

/** Whether the servers of `web` are spoken to by TLS, as HAProxy says it. */
async function usesTls(site: Site): Promise<string[]> {
  const lines = (await cli(site.statsSocket, 'show servers state web')).trim().split('\n').slice(1);
  const at = (lines[0] ?? '').replace(/^# /, '').split(' ').indexOf('srv_use_ssl');
  return lines.slice(1).map((line) => line.split(' ')[at] ?? '');
}

/** The connections that each of them may have. */
async function limits(site: Site): Promise<string[]> {
  const lines = (await cli(site.statsSocket, 'show stat')).split('\n');
  const at = (lines[0] ?? '').split(',').indexOf('slim');
  return lines.filter((line) => /^web,i\d/.test(line)).map((line) => line.split(',')[at] ?? '');
}

/** A port whose connections are counted, and closed at once. */
async function countConnections(): Promise<{ port: number; count(): number } & AsyncDisposable> {
  let count = 0;
  const server = createServer((socket) => {
    count += 1;
    socket.on('error', () => undefined);
    socket.destroy();
  });
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    port,
    count: () => count,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => void server.close(() => resolve())),
  };
}
