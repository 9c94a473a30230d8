import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { look, seeServers } from '../../src/haproxy/see-servers.ts';
import { Serial } from '../../src/ports/serial.ts';
import type { ServerHealth } from '../../src/ports/server-health.ts';
import { cli, freePort, startBackend, startHaproxy, tempFolder, waitFor } from '../support/haproxy.ts';
import { haproxyVersions } from '../support/haproxy-versions.ts';

const never = new AbortController().signal;

describe.each(haproxyVersions)('on HAProxy $name', ({ name, path: binary }) => {
  test('a look says how each server is, why it is DOWN, and who took it out', async () => {
    await using folder = await tempFolder();
    await using one = await startBackend('one');
    const configPath = path.join(folder.path, 'haproxy.cfg');
    const statsSocket = path.join(folder.path, 'stats.sock');
    const closed = await freePort();
    const text = `global
  stats socket ${statsSocket} level admin
defaults
  mode http
  timeout connect 1s
  timeout client 1s
  timeout server 1s
  default-server inter 100ms rise 1 fall 1
backend be_web
  server up ${one.address} check
  server ill 127.0.0.1:${closed} check
  server plain ${one.address}
  server zero ${one.address} weight 0
  server out ${one.address} check disabled
  server byhand ${one.address} check
  server hurt ${one.address} check
  server six [::1]:${closed}
  server follows 127.0.0.1:${closed} track be_web/byhand
listen front
  bind 127.0.0.1:${await freePort()}
  server ours ${one.address}
`;
    await writeFile(configPath, text);
    await using _haproxy = await startHaproxy({ binary, configPath });
    await cli(statsSocket, 'set server be_web/byhand state maint');
    await cli(statsSocket, 'set server be_web/hurt state drain');
    await cli(statsSocket, 'set server be_web/plain weight 0');
    const servers = await waitFor(
      async () => {
        const seen = await look(statsSocket, never);
        const all = seen.kind === 'seen' ? new Map(seen.servers.map((row) => [row.server, row])) : null;
        return all?.get('ill')?.status === 'DOWN' ? all : null;
      },
      { timeout: 20_000 },
    );
    const short = ({ status, drainedBy, address }: ServerHealth) => [status, drainedBy, address];
    expect(Object.fromEntries([...servers].map(([server, row]) => [server, short(row)]))).toEqual({
      up: ['UP', null, one.address],
      ill: ['DOWN', null, `127.0.0.1:${closed}`],
      plain: ['DRAIN', 'hand', one.address],
      zero: ['DRAIN', 'template', one.address],
      out: ['MAINT', 'template', one.address],
      byhand: ['MAINT', 'hand', one.address],
      hurt: ['DRAIN', 'hand', one.address],
      six: ['no check', null, `[::1]:${closed}`],
      follows: ['MAINT', 'tracked server', `127.0.0.1:${closed}`],
      ours: ['no check', null, one.address],
    });
    expect(servers.get('ill')?.why).toMatch(/^Layer4 connection problem: .*refused/i);
    expect(servers.get('up')).toMatchObject({
      backend: 'be_web',
      weight: 1,
      why: null,
      sessions: 0,
      errors5xx: 0,
    });
    const seen = await look(statsSocket, never);
    expect(seen).toMatchObject({ kind: 'seen', mark: null, version: expect.stringContaining(`${name}.`) });
  });
});

test('whoever asks within a second gets the same answer, and where nobody answers it is said why', async () => {
  await using folder = await tempFolder();
  let looks = 0;
  const servers = new Serial();
  const counting = {
    run: <T>(task: () => Promise<T>) => {
      looks += 1;
      return servers.run(task);
    },
  };
  const see = seeServers({ statsSocket: path.join(folder.path, 'none.sock'), servers: counting }, never);
  const [one, other] = await Promise.all([see(), see()]);
  expect(one).toBe(other);
  expect(one).toMatchObject({ kind: 'unseen', why: expect.stringContaining('there is no such socket') });
  expect(looks).toBe(1);
  await waitFor(async () => (await see()) !== one, { timeout: 20_000 });
  expect(looks).toBe(2);
});
