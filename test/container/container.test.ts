import { chown, readFile, realpath, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { startEtcd } from '../support/etcd.ts';
import { freePort, request, startBackend, startLoad, tempFolder, waitFor } from '../support/haproxy.ts';
import { haproxyOf } from '../support/haproxy-versions.ts';
import { pointsmanFolder, sharedFolders } from './host-folders.ts';
import {
  buildImage,
  type Container,
  complaint,
  IMAGE,
  IMAGE_USER,
  podman,
  privileges,
  processes,
  runOnce,
  startContainer,
} from './podman.ts';

/** Compose's word for what a second file takes away. */
const RESET = { tag: '!reset', resolve: () => null };

// A minute on a machine at rest, when nothing of it is cached; a few seconds afterwards.
beforeAll(buildImage, 400_000);

test('the image holds HAProxy 3.0 with security fixes, Node 24 and tini, and runs as no root', async () => {
  const said = await runOnce(
    IMAGE,
    'sh',
    '-c',
    'id -u; node -v; haproxy -v; tini --version; pointsman --version',
  );
  expect(said).toMatch(/^990$/m);
  expect(said).toMatch(/^v24\./m);
  expect(said).toMatch(/HAProxy version 3\.0\.\d+-\d+\+deb13u\d+/);
  expect(said).toMatch(/^tini version/m);
  expect(said).toMatch(/^0\.\d+\.\d+$/m);
});

test('nothing of the image can be written but its three folders, and no capability is left', async () => {
  const places = '/ /tmp /etc /opt/pointsman /usr/local/bin /var/log /run';
  const script = `
    grep -E '^(Uid|Cap|NoNewPrivs)' /proc/self/status
    for p in ${places}; do touch $p/x && echo "written: $p"; done
    for p in /etc/haproxy /run/haproxy /var/lib/pointsman; do touch $p/x && echo "volume: $p"; done
    find / -xdev -writable -not -type l | sed 's/^/writable: /'`;
  const said = await runOnce(IMAGE, 'sh', '-c', script);
  expect(said).toMatch(/^Uid:\s+990\s+990\s+990\s+990$/m);
  expect(said.match(/^Cap\w+:\s+0{16}$/gm)).toHaveLength(5);
  expect(said).toMatch(/^NoNewPrivs:\s+1$/m);
  expect(said.match(/Read-only file system/g)).toHaveLength(places.split(' ').length);
  expect(said.match(/^volume: .*$/gm)).toHaveLength(3);
  expect(said).not.toMatch(/^written: /m);
  expect(said.match(/(?<=^writable: ).*$/gm)?.sort()).toEqual([
    '/etc/haproxy',
    '/run/haproxy',
    '/var/lib/pointsman',
  ]);
});

test('a port under 1024 takes root and the capabilities that the docs list, and no other', async () => {
  await using host = await tempFolder();
  await using backend = await startBackend('from below');
  const mounts = await sharedFolders(host.path);
  const docs = await readFile(new URL('../../docs/container.md', import.meta.url), 'utf8');
  const flags = /`(--user 0 [^`]*)`/.exec(docs)?.[1]?.split(/\s+/) ?? [];
  expect(flags).toContain('NET_BIND_SERVICE');
  const port = 1009;
  await writeFile(path.join(host.path, 'etc/haproxy.cfg'), configuration(port, backend.address));
  await using haproxy = await startContainer({ image: IMAGE, command: ['haproxy-container'], mounts, flags });
  await serves(port, 'from below');
  expect(await complaint(haproxy)).toBe('');
  // CHOWN is bit 0, DAC_OVERRIDE 1, NET_BIND_SERVICE 10.
  for (const { name, capabilities, noNewPrivileges } of await privileges(haproxy)) {
    expect(BigInt(`0x${capabilities[2]}`), name).toBe(0x403n);
    expect(noNewPrivileges, name).toBe('1');
  }
  await endsCleanly(haproxy);
});

test('the image holds neither build tools nor sources nor npm', async () => {
  const tools = 'npm npx yarn corepack tsc gcc cc make python3 git curl';
  const found = await runOnce(
    IMAGE,
    'sh',
    '-c',
    `for t in ${tools}; do command -v $t; done; ls /opt/pointsman`,
  );
  expect(found.split('\n').sort()).toEqual(
    [
      ...['CHANGELOG.md', 'CONTRIBUTING.md', 'LICENSE', 'README.md', 'container-health.mjs'],
      ...['dist', 'docs', 'examples', 'node_modules', 'package.json', 'templates'],
    ].sort(),
  );
  const docs = (await runOnce(IMAGE, 'find', '/opt/pointsman/docs')).split('\n');
  expect(docs).toEqual(
    expect.arrayContaining(
      ['operations.md', 'openapi.yaml', 'decisions/kept.md'].map((name) => `/opt/pointsman/docs/${name}`),
    ),
  );
  expect(docs.filter((name) => name.includes('/images'))).toEqual([]);
  const packages = await runOnce(IMAGE, 'ls', '/opt/pointsman/node_modules');
  expect(packages.split('\n')).toContain('etcd3');
  expect(packages.split('\n')).not.toContain('typescript');
});

test('the image names its user, its health check and what must be writable', async () => {
  const [inspected] = JSON.parse(await podman('image', 'inspect', IMAGE));
  expect(inspected.Config.User).toBe('990:990');
  expect(Object.keys(inspected.Config.Volumes).sort()).toEqual([
    '/etc/haproxy',
    '/run/haproxy',
    '/var/lib/pointsman',
  ]);
  const docs = await readFile(new URL('../../docs/container.md', import.meta.url), 'utf8');
  for (const folder of Object.keys(inspected.Config.Volumes)) {
    expect(docs).toContain(`| \`${folder}\``);
  }
  expect(JSON.stringify(inspected.Healthcheck ?? inspected.Config.Healthcheck)).toContain(
    'container-health.mjs',
  );
});

test('the HAProxy container waits for its first configuration, serves it and ends cleanly', async () => {
  await using host = await tempFolder();
  await using backend = await startBackend('from the host');
  const port = await freePort();
  const mounts = await sharedFolders(host.path);
  await using haproxy = await startContainer({ image: IMAGE, command: ['haproxy-container'], mounts });
  await waitFor(() => haproxy.output().includes('waiting for /etc/haproxy/haproxy.cfg'));
  expect(await complaint(haproxy)).toContain('does not run in this container yet');

  await writeFile(path.join(host.path, 'etc/haproxy.cfg'), configuration(port, backend.address));
  await serves(port, 'from the host');
  expect(await complaint(haproxy)).toBe('');
  await endsCleanly(haproxy);
});

test('the HAProxy container ends at once while it waits', async () => {
  await using haproxy = await startContainer({ image: IMAGE, command: ['haproxy-container'] });
  await waitFor(() => haproxy.output().includes('waiting'));
  await endsCleanly(haproxy);
});

test('HAProxy itself is replaced by a second container without a failed request', async () => {
  await using host = await tempFolder();
  await using backend = await startBackend('always');
  const port = await freePort();
  const mounts = await sharedFolders(host.path);
  await writeFile(path.join(host.path, 'etc/haproxy.cfg'), configuration(port, backend.address));
  const start = () => startContainer({ image: IMAGE, command: ['haproxy-container'], mounts });

  await using old = await start();
  await serves(port, 'always');
  await using load = startLoad(`http://127.0.0.1:${port}/`, { host: 'web' });
  await using successor = await start();
  await waitFor(async () => (await complaint(successor)) === '', { timeout: 20_000 });
  await podman('kill', '--signal', 'USR1', old.name);
  expect(await old.ended).toBe(0);
  const before = load.ok();
  await waitFor(() => load.ok() > before + 20);
  expect(load.failures()).toEqual([]);
  expect(await complaint(successor), 'the sockets are those of the new one').toBe('');
});

test('Pointsman and HAProxy in two containers serve a request, and HAProxy outlives Pointsman', async () => {
  await using host = await tempFolder();
  await using one = await startBackend('one');
  await using two = await startBackend('two');
  const port = await freePort();
  const mounts = await sharedFolders(host.path);
  const register = await pointsmanFolder(host.path, 'master-socket', port);
  await register(one.address);
  await using pointsman = await startContainer({
    image: IMAGE,
    mounts: [...mounts, `${host.path}/settings:/etc/pointsman:ro`],
    env: { POINTSMAN_STATUS_LISTEN: `127.0.0.1:${await freePort()}` },
  });
  await using haproxy = await startContainer({ image: IMAGE, command: ['haproxy-container'], mounts });
  await serves(port, 'one');
  await register(two.address);
  await serves(port, 'two');
  await waitFor(async () => (await complaint(pointsman)) === '', { what: '/readyz', timeout: 20_000 });
  await waitFor(async () => (await processes(haproxy)).zombies === 0);

  await using load = startLoad(`http://127.0.0.1:${port}/`, { host: 'web' });
  await endsCleanly(pointsman);
  const before = load.ok();
  await waitFor(() => load.ok() > before + 20);
  expect(load.failures()).toEqual([]);
  await load[Symbol.asyncDispose]();
  await endsCleanly(haproxy);
});

test('a partner in a container of the image registers its service and takes it out, and is healthy whatever etcd does', async () => {
  await using etcd = await startEtcd();
  await using host = await tempFolder();
  const listen = `127.0.0.1:${await freePort()}`;
  const flags = ['--service', 'web', '--port', '8080', '--host', '10.0.0.7', '--drain', '100ms'];
  await chown(host.path, IMAGE_USER, IMAGE_USER);
  await using partner = await startContainer({
    image: IMAGE,
    command: ['pointsman', 'announce', ...flags, '--listen', listen],
    mounts: [`${host.path}:/var/lib/pointsman`],
    env: { POINTSMAN_ETCD_ENDPOINTS: etcd.endpoint },
  });
  const keys = () => etcd.client.getAll().prefix('/services/web/').keys();
  await waitFor(async () => (await keys()).length === 1, { what: 'the key', timeout: 20_000 });
  expect(await complaint(partner)).toBe('');
  await etcd.kill('SIGSTOP');
  expect(await complaint(partner)).toBe('');
  await etcd.kill('SIGCONT');
  await endsCleanly(partner);
  expect(await keys()).toEqual([]);
});

test('HAProxy may come from another image, of another branch and user: it is reloaded, changed at run time, and the branch is told', async () => {
  await using host = await tempFolder();
  await using one = await startBackend('one');
  await using two = await startBackend('two');
  const [port, group] = [await freePort(), 99];
  const mounts = await sharedFolders(host.path);
  await chown(path.join(host.path, 'etc'), IMAGE_USER, group);
  await chown(path.join(host.path, 'run'), group, group);
  const register = await pointsmanFolder(host.path, 'master-socket', port, `output: { group: ${group} }\n`);
  await register(one.address);
  await using pointsman = await startContainer({
    image: IMAGE,
    mounts: [...mounts, `${host.path}/settings:/etc/pointsman:ro`],
    env: { POINTSMAN_STATUS_LISTEN: `127.0.0.1:${await freePort()}` },
    flags: ['--group-add', String(group)],
  });
  // What the example runs in the official image, with a HAProxy that lies here.
  const binary = await realpath(haproxyOf('3.4').path);
  const folder = path.dirname(path.dirname(binary));
  const example = new URL('../../examples/docker-compose/official-haproxy.yaml', import.meta.url);
  const { services } = parse(await readFile(example, 'utf8'), { customTags: [RESET] });
  const command = services.haproxy.command.map((word: string) =>
    word.replace('exec haproxy', `exec ${binary}`),
  );
  await using _haproxy = await startContainer({
    image: IMAGE,
    command,
    mounts: [...mounts.slice(0, 2), `${folder}:${folder}:ro`],
    flags: ['--user', `${group}:${group}`],
  });
  await serves(port, 'one');
  await register(two.address);
  await serves(port, 'two');
  await waitFor(async () => (await complaint(pointsman)) === '', { what: '/readyz', timeout: 20_000 });
  expect(pointsman.output()).toMatch(/HAProxy 3\.4\.\S+ runs, but 3\.0\.\S+ judges/);
  expect(pointsman.output()).toMatch(/"outcome":"runtime"/);
});

test('Pointsman with HAProxy as its child serves a request on a read-only root and ends both cleanly', async () => {
  await using host = await tempFolder();
  await using one = await startBackend('one');
  await using two = await startBackend('two');
  const port = await freePort();
  const register = await pointsmanFolder(host.path, 'managed', port);
  await register(one.address);
  await using pointsman = await startContainer({
    image: IMAGE,
    mounts: [`${host.path}/settings:/etc/pointsman:ro`],
    env: { POINTSMAN_STATUS_LISTEN: `127.0.0.1:${await freePort()}` },
  });
  await serves(port, 'one');
  await register(two.address);
  await serves(port, 'two');
  await waitFor(async () => (await complaint(pointsman)) === '', { what: '/readyz', timeout: 20_000 });
  const all = await privileges(pointsman);
  expect(all.map(({ name }) => name)).toContain('haproxy');
  for (const { name, ...rest } of all) {
    const none = '0'.repeat(16);
    expect(rest, name).toEqual({ uid: '990', capabilities: [none, none, none, none], noNewPrivileges: '1' });
  }
  await endsCleanly(pointsman);
  await expect(request(`http://127.0.0.1:${port}/`)).rejects.toThrow();
});

function configuration(port: number, address: string): string {
  return `global
  maxconn 100
defaults
  mode http
  timeout connect 1s
  timeout client 5s
  timeout server 5s
listen web
  bind 127.0.0.1:${port}
  server one ${address}
`;
}

async function serves(port: number, body: string): Promise<void> {
  const answer = () => request(`http://127.0.0.1:${port}/`, { host: 'web' }).catch(() => null);
  await waitFor(async () => (await answer())?.body === body, {
    what: `an answer of ${body}`,
    timeout: 20_000,
  });
}

/** SIGTERM ends it with code 0 in less than 5 s, and until then there was no zombie. */
async function endsCleanly(container: Container, code: number | string = 0): Promise<void> {
  expect((await processes(container)).zombies).toBe(0);
  const before = Date.now();
  await podman('kill', '--signal', 'TERM', container.name);
  expect(await container.ended).toBe(code);
  expect(Date.now() - before).toBeLessThan(5000);
}
