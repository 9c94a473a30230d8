import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { cli, freePort, request, showProc, startHaproxy, tempFolder, waitFor } from '../support/haproxy.ts';
import { haproxyVersions } from '../support/haproxy-versions.ts';

test('there is a HAProxy of each branch that tests are to pass on', () => {
  expect(haproxyVersions.map((one) => one.name)).toEqual(['2.6', '3.0', '3.2', '3.4']);
});

test.each(haproxyVersions)(
  'HAProxy $name serves and re-executes itself for a reload',
  async ({ path: binary }) => {
    await using folder = await tempFolder();
    const port = await freePort();
    const configPath = path.join(folder.path, 'haproxy.cfg');
    await writeFile(
      configPath,
      `defaults
  mode http
  timeout connect 1s
  timeout client 5s
  timeout server 5s
frontend web
  bind 127.0.0.1:${port}
  http-request return status 200 content-type text/plain string ok
`,
    );
    await using haproxy = await startHaproxy({ binary, configPath });
    expect(await request(`http://127.0.0.1:${port}/`)).toMatchObject({ status: 200, body: 'ok' });
    const [before] = (await showProc(haproxy.masterSocket)).workers;
    await cli(haproxy.masterSocket, 'reload');
    await waitFor(async () => {
      const now = await showProc(haproxy.masterSocket).catch(() => null);
      return now?.reloads === 1 && now.failed === 0 && now.workers[0] !== before;
    });
  },
);
