import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from 'vitest';
import { buildImage, loadIntoDocker } from '../container/podman.ts';
import { startDocker } from '../support/docker.ts';
import { type Load, request, startLoad, waitFor } from '../support/haproxy.ts';
import { makeSystemdHost, type SystemdHost, startSystemdHost } from '../support/systemd-host.ts';

const FOLDER = fileURLToPath(new URL('../../examples/coreos/', import.meta.url));
const LABELS = { 'pointsman.service': 'web' };

beforeAll(async () => {
  await buildImage();
  await makeSystemdHost();
}, 600_000);

test('a host with the units serves what is announced; a docker stop, upgrades and a new HAProxy lose no request; it is back after a reboot', async () => {
  await using docker = await startDocker();
  const host = await startSystemdHost(docker);
  await install(host);
  const at = `http://${host.address}/`;
  const start = (name: string) =>
    host.engine.run({ name, labels: LABELS, env: { NAME: name }, restart: 'always' });
  const serves = () =>
    waitFor(
      () =>
        request(at, { host: 'web.example.com' }).then(
          ({ status }) => status === 200,
          () => false,
        ),
      {
        what: 'an answer of web',
        timeout: 90_000,
      },
    );
  await start('web-1');
  await serves();
  await start('web-2');

  {
    await using load = startLoad(at, { host: 'web.example.com' });
    const answered = (...names: string[]) =>
      waitFor(async () => (await lately(load)).sort().join() === names.join(), {
        what: `answers of ${names.join(' and ')}`,
        timeout: 60_000,
      });
    await answered('web-1\n', 'web-2\n');
    await host.engine.stop('web-1', 30);
    await answered('web-2\n');
    expect(load.failures(), 'docker stop').toEqual([]);
    await host.engine.start('web-1');
    await answered('web-1\n', 'web-2\n');

    const keys = () => host.run('etcdctl', 'get', '--prefix', '/services/', '--write-out', 'fields');
    const before = await keys();
    await host.run('systemctl', 'restart', 'pointsman-announce', 'pointsman');
    await answered('web-1\n', 'web-2\n');
    expect(await keys()).toBe(before);

    // The README's words.
    await host.run('systemctl', 'enable', '--now', 'haproxy@b');
    await waitFor(
      () =>
        host.run('docker', 'exec', 'haproxy-b', 'node', '/opt/pointsman/container-health.mjs').then(
          () => true,
          () => false,
        ),
      { what: 'the new HAProxy', timeout: 60_000 },
    );
    await host.run('systemctl', 'disable', '--now', 'haproxy@a');
    await answered('web-1\n', 'web-2\n');
    expect(load.failures(), 'upgrades').toEqual([]);
  }

  await host.reboot();
  await serves();
  expect(await host.run('systemctl', 'is-active', 'haproxy@b', 'pointsman', 'pointsman-announce')).toBe(
    'active\nactive\nactive',
  );
}, 400_000);

/** The settings and the units of the example, with the image that they name, and limits that this machine gives. */
async function install(host: SystemdHost): Promise<void> {
  const units = await readdir(`${FOLDER}systemd`);
  let image = '';
  for (const name of units) {
    const text = await readFile(`${FOLDER}systemd/${name}`, 'utf8');
    image = /^Environment=IMAGE=(.*)$/m.exec(text)?.[1] ?? '';
    await host.write(
      `/etc/systemd/system/${name}`,
      text.replaceAll('nofile=1048576:1048576', 'nofile=16384:16384'),
    );
  }
  await host.write('/etc/pointsman/pointsman.yaml', await readFile(`${FOLDER}pointsman.yaml`, 'utf8'));
  await loadIntoDocker(host.engine.env.DOCKER_HOST, image);
  await host.run('systemctl', 'daemon-reload');
  // The README's words.
  await host.run('systemctl', 'enable', '--now', 'haproxy@a', 'pointsman', 'pointsman-announce');
}

/** Who gives the next 20 answers; whoever is there is told by each of them. */
async function lately(load: Load): Promise<string[]> {
  const before = new Map(load.bodies());
  const until = load.ok() + 20;
  await waitFor(() => load.ok() >= until || load.failures().length > 0);
  return [...load.bodies()].filter(([body, count]) => count > (before.get(body) ?? 0)).map(([body]) => body);
}
