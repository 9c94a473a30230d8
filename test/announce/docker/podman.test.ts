import { expect, test } from 'vitest';
import { startAnnounce } from '../../support/announce.ts';
import { startEtcd } from '../../support/etcd.ts';
import { freePort, waitFor as soon, tempFolder } from '../../support/haproxy.ts';
import { PODMAN_WEB, startPodman } from '../../support/podman-service.ts';

/** An engine takes its time where the machine is busy. */
const waitFor: typeof soon = (condition, options) => soon(condition, { timeout: 30_000, ...options });

test("announce --all follows podman, too: start, stop, pause and death of what its socket tells in Docker's way", async () => {
  await using state = await tempFolder();
  const [podman, etcd] = await Promise.all([startPodman(), startEtcd()]);
  await using _podman = podman;
  await using _etcd = etcd;
  const run = async (name: string) => {
    const port = await freePort();
    const labels = { 'pointsman.service': 'web', 'pointsman.port': String(port) };
    const env = { PORT: String(port), LINGER: '0' };
    await podman.run({ ...PODMAN_WEB, name, network: 'host', publish: 'none', labels, env });
    return `${name} ${port}`;
  };
  const announced = async () => {
    const keys = await etcd.client.getAll().prefix('/services/web/').keys();
    return keys.map((key) => key.split(':').slice(-2).join(' ')).join();
  };
  const one = await run('one');
  await using _all = await startAnnounce({
    etcd,
    stateDir: state.path,
    flags: ['--all', '--host', '127.0.0.1'],
    env: podman.env,
  });
  await waitFor(async () => (await announced()) === one);
  const two = await run('two');
  await waitFor(async () => (await announced()) === `${one},${two}`);
  await podman.stop('one', 5);
  await waitFor(async () => (await announced()) === two);
  await podman.start('one');
  await waitFor(async () => (await announced()) === `${one},${two}`);
  await podman.pause('two');
  await waitFor(async () => (await announced()) === one);
  await podman.unpause('two');
  await waitFor(async () => (await announced()) === `${one},${two}`);
  await podman.kill('two');
  await waitFor(async () => (await announced()) === one);

  // On a bridge, with a port that is published: that one is announced, in the place of the one inside.
  const port = await freePort();
  const publish = { '8080': `127.0.0.1:${port}` };
  const labels = { 'pointsman.service': 'web' };
  await podman.run({ ...PODMAN_WEB, name: 'three', publish, labels });
  const ports = async () =>
    Object.values(await etcd.client.getAll().prefix('/services/web/').json()).map(
      (value) => (value as { readonly port?: number } | null)?.port,
    );
  await waitFor(async () => (await ports()).includes(port));
  expect(await announced()).toBe(`${one},three 8080`);
});
