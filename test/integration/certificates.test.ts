import { execFile } from 'node:child_process';
import { readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { connect } from 'node:tls';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { cli, freePort, showProc, waitFor } from '../support/haproxy.ts';
import { haproxyVersions } from '../support/haproxy-versions.ts';
import { makeSite, type Site } from '../support/pointsman.ts';
import { replaceFile } from '../support/replace-file.ts';

const run = promisify(execFile);

/** What docs/operations.md says of renewed certificates. */
describe.each(haproxyVersions)('a renewed certificate on HAProxy $name', ({ path: binary }) => {
  test('is served at once by the stats socket, and after the next reload too; Pointsman has nothing to do', async () => {
    await using rig = await startRig(binary);
    const { site, pem, port } = rig;
    const { ino } = await stat(site.configPath);
    const [first, before] = [await served(port), await showProc(site.masterSocket)];
    await renew(pem);
    expect(await served(port)).toBe(first);
    const body = (await readFile(pem, 'utf8')).trimEnd();
    expect(await cli(site.statsSocket, `set ssl cert ${pem} <<\n${body}\n`)).toContain('Transaction created');
    expect(await cli(site.statsSocket, `commit ssl cert ${pem}`)).toContain('Success!');
    const second = await served(port);
    expect(second).not.toBe(first);
    expect(await showProc(site.masterSocket)).toEqual(before);
    await reload(site);
    await waitFor(async () => (await workerOf(site)) !== before.workers[0]);
    expect(await served(port)).toBe(second);
    expect((await stat(site.configPath)).ino).toBe(ino);
  });

  test('is served after a reload by the master socket, and the file stays what it is', async () => {
    await using rig = await startRig(binary);
    const { site, daemon, pem, port } = rig;
    const { ino } = await stat(site.configPath);
    const [first, before] = [await served(port), await showProc(site.masterSocket)];
    await renew(pem);
    await reload(site);
    await waitFor(async () => (await served(port)) !== first, { what: 'the new certificate' });
    await waitFor(async () => (await workerOf(site)) !== before.workers[0]);
    await waitFor(async () => (await daemon.status()).ready);
    expect((await stat(site.configPath)).ino).toBe(ino);
  });
});

async function startRig(binary: string) {
  await using stack = new AsyncDisposableStack();
  const port = await freePort();
  const site = stack.use(
    await makeSite({ haproxy: { binary }, more: { template: './own.njk' }, vars: { port } }),
  );
  const pem = path.join(site.folder, 'site.pem');
  await renew(pem);
  await writeFile(path.join(site.folder, 'services.yaml'), '{}\n');
  await writeFile(
    path.join(site.folder, 'own.njk'),
    `global
  stats socket {{ haproxy.statsSocket }} mode 600 level admin
defaults
  mode http
  timeout client 5s
  timeout connect 1s
  timeout server 5s
frontend f
  bind 127.0.0.1:{{ vars.port }} ssl crt ${pem}
  http-request return status 200
`,
  );
  const daemon = stack.use(await site.start());
  await daemon.ready();
  const held = stack.move();
  return { site, daemon, pem, port, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

/** Writes a new certificate and its key, by a rename. */
async function renew(pem: string): Promise<void> {
  const [key, cert] = [`${pem}.key`, `${pem}.crt`];
  await run('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
    ...['-subj', '/CN=site', '-keyout', key, '-out', cert],
  ]);
  await replaceFile(pem, `${await readFile(cert, 'utf8')}${await readFile(key, 'utf8')}`);
}

/** The fingerprint of the certificate that a client gets. */
function served(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().fingerprint256);
      socket.destroy();
    });
    socket.once('error', reject);
  });
}

/** Somebody's reload. 2.6 and 3.0 may close the connection without a word. */
async function reload(site: Site): Promise<void> {
  await cli(site.masterSocket, 'reload').catch(() => '');
}

async function workerOf(site: Site): Promise<number | undefined> {
  return (await showProc(site.masterSocket).catch(() => null))?.workers[0];
}
