import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { cli, freePort, request, startBackend, startHaproxy, waitFor } from '../support/haproxy.ts';
import { makeSite } from '../support/pointsman.ts';

type Rejected = readonly { readonly key: string; readonly reason: string }[];

const base = (port: number) => `frontend admin
  mode http
  timeout client 5s
  bind 127.0.0.1:${port}
  http-request return status 200 content-type text/plain string base
`;

test('a route gets no port that another file binds which HAProxy loads, also where that comes later, and gets it when it is free', async () => {
  await using evil = await startBackend('evil');
  const [port, other] = [await freePort(), await freePort()];
  await using site = await makeSite({ vars: { bindAddress: '127.0.0.1' } });
  const beside = path.join(site.folder, 'base.cfg');
  const configPath = path.join(site.folder, 'conf.d', '50-services.cfg');
  await mkdir(path.dirname(configPath));
  await writeFile(beside, base(port));
  const keys = (routes: object) =>
    writeFile(
      path.join(site.folder, 'services.yaml'),
      JSON.stringify({ services: { evil: { a: evil.address } }, routes }),
    );
  await keys({});
  const set = { 'output.path': configPath, 'haproxy.mode': 'master-socket' };
  const flags = Object.entries(set).flatMap(([name, value]) => ['--set', `${name}=${value}`]);
  await using daemon = await site.start({ flags });
  const published = () => daemon.log().some(({ outcome }) => outcome === 'published-waiting');
  await waitFor(published, { timeout: 20_000, what: 'the file' });
  const files = [beside, path.dirname(configPath)];
  await using _haproxy = await startHaproxy({ configPath, masterSocket: site.masterSocket, files });
  await daemon.ready();

  const answers = async () => {
    const asked = Array.from({ length: 40 }, () => request(`http://127.0.0.1:${port}/`).catch(() => null));
    return new Set((await Promise.all(asked)).map((answer) => answer?.body.trim()));
  };
  const answersOnly = (name: string) =>
    waitFor(
      async () => {
        const all = await answers();
        return all.size === 1 && all.has(name);
      },
      { what: `only ${name} at the port`, timeout: 30_000 },
    );
  const rejected = async () =>
    ((await daemon.status()).rejected as Rejected).filter(({ key }) => key === '/routes/evil');
  const isTold = () =>
    waitFor(async () => (await rejected()).length === 1, { what: 'the rejection', timeout: 20_000 });
  const anotherBase = async (of: number) => {
    await writeFile(beside, base(of));
    await cli(site.masterSocket, 'reload').catch(() => undefined);
  };

  await keys({ evil: { mode: 'tcp', port } });
  await isTold();
  expect((await rejected())[0]?.reason).toBe(
    `the port ${port} is taken by frontend admin of ${beside}, which HAProxy loads too`,
  );
  await answersOnly('base');
  expect((await daemon.status()).quarantined).toEqual([]);

  await anotherBase(other);
  await answersOnly('evil');
  await waitFor(async () => (await rejected()).length === 0, { what: 'the end of it', timeout: 20_000 });

  // From now on both listen there, until Pointsman gives it up.
  await anotherBase(port);
  await isTold();
  await answersOnly('base');
}, 120_000);
