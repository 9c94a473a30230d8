import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { buildImage, loadIntoDocker } from '../container/podman.ts';
import { startDocker, type TestDocker } from '../support/docker.ts';
import { type Load, request, startLoad, tempFolder, waitFor } from '../support/haproxy.ts';
import { importPrograms } from '../support/program-image.ts';

const FOLDER = fileURLToPath(new URL('../../examples/docker-compose/', import.meta.url));

beforeAll(buildImage, 400_000);

test('what the README of the compose example says is what happens, and no request fails meanwhile, up to a docker stop', async () => {
  await using docker = await startDocker({ network: 'own' });
  await using limits = await tempFolder();
  const compose = await projectIn(docker, limits.path);
  const at = `http://${docker.address}:8080/`;
  const says = (host: string) =>
    request(at, { host })
      .then(({ body }) => body)
      .catch(() => null);

  await compose('up', '--detach', '--no-build');
  await waitFor(async () => (await says('web.localhost')) === 'web\n', { what: 'web', timeout: 60_000 });
  await waitFor(async () => (await says('api.localhost')) === 'api /\n', { what: 'api', timeout: 60_000 });

  await using load = startLoad(at, { host: 'web.localhost' });
  const answering = (names: readonly string[]) =>
    waitFor(async () => (await lately(load)).sort().join() === names.join(), {
      what: `answers of ${names.join(' and ')}`,
      timeout: 60_000,
    });
  await compose('exec', '-T', 'etcd', 'etcdctl', 'put', '/services/web/2', '172.30.0.12:8000');
  await answering(['web\n', 'web, the second\n']);

  await compose('stop', 'announce-web');
  await answering(['web, the second\n']);
  // Nobody sends anything to it any more.
  await compose('stop', 'web');
  await answering(['web, the second\n']);

  await compose('stop', 'pointsman');
  await answering(['web, the second\n']);
  expect(load.failures()).toEqual([]);
}, 240_000);

/** Compose in an engine that has the images of the example, with limits that this machine gives. */
async function projectIn(docker: TestDocker, folder: string): Promise<(...words: string[]) => Promise<void>> {
  const file = parse(await readFile(`${FOLDER}compose.yaml`, 'utf8'), { merge: true });
  await Promise.all([
    loadIntoDocker(docker.env.DOCKER_HOST, file.services.pointsman.image),
    importPrograms(docker.env, file.services.etcd.image, ['etcd', 'etcdctl']),
  ]);
  const limits = path.join(folder, 'limits.yaml');
  await writeFile(limits, '{ services: { haproxy: { ulimits: { nofile: 16384 } } } }\n');
  return async (...words) => {
    await execa('docker-compose', ['--file', 'compose.yaml', '--file', limits, ...words], {
      cwd: FOLDER,
      env: docker.env,
      stdin: 'ignore',
    });
  };
}

/** Who gives the next 20 answers. */
async function lately(load: Load): Promise<string[]> {
  const before = new Map(load.bodies());
  const until = load.ok() + 20;
  await waitFor(() => load.ok() >= until || load.failures().length > 0);
  return [...load.bodies()].filter(([body, count]) => count > (before.get(body) ?? 0)).map(([body]) => body);
}
