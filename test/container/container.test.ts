import { chown, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { freePort, request, startBackend, tempFolder, waitFor } from '../support/haproxy.ts';
import {
  buildImage,
  type Container,
  complaint,
  IMAGE_USER,
  podman,
  processes,
  runOnce,
  startContainer,
} from './podman.ts';

const IMAGE = 'localhost/pointsman:test';

beforeAll(() => buildImage(IMAGE), 240_000);

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

test('the image holds neither build tools nor sources nor npm', async () => {
  const tools = 'npm npx yarn corepack tsc gcc cc make python3 git curl';
  const found = await runOnce(
    IMAGE,
    'sh',
    '-c',
    `for t in ${tools}; do command -v $t; done; ls /opt/pointsman`,
  );
  expect(found.split('\n').sort()).toEqual(
    ['LICENSE', 'container-health.mjs', 'dist', 'node_modules', 'package.json', 'templates'].sort(),
  );
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

/** The folders of the host that the two containers share, given to the image's user. */
async function sharedFolders(host: string): Promise<string[]> {
  const folders = { etc: '/etc/haproxy', run: '/run/haproxy', state: '/var/lib/pointsman' };
  for (const name of Object.keys(folders)) {
    await mkdir(path.join(host, name), { mode: 0o750 });
    await chown(path.join(host, name), IMAGE_USER, IMAGE_USER);
  }
  return Object.entries(folders).map(([name, target]) => `${path.join(host, name)}:${target}`);
}

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
