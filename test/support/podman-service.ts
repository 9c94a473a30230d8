import path from 'node:path';
import { type Containers, containersOf, importImage } from './containers.ts';
import { imageTar } from './docker-image.ts';
import { startProcess, tempFolder, waitFor } from './haproxy.ts';

/** Podman, with its socket for Docker's API. */
export interface TestPodman extends Containers, AsyncDisposable {
  /** What makes Docker's own client, and `announce`, speak to it. */
  readonly env: { readonly DOCKER_HOST: string };
}

/** How to run the web image with podman: its import knows neither tags nor commands. */
export const PODMAN_WEB = { image: 'web:latest', command: ['/serve'] } as const;

/**
 * Starts podman's service with everything of its own, and waits until it serves. Like `startDocker()`, it lives in process and
 * mount namespaces of its own, and ends with them; in a network namespace, too, since it publishes ports by a packet filter: they
 * lead to its containers in there alone.
 */
export async function startPodman(): Promise<TestPodman> {
  const folder = await tempFolder();
  const own = (name: string) => path.join(folder.path, name);
  const socket = own('s');
  const service = await startProcess('unshare', [
    ...['--pid', '--mount', '--net', '--fork', '--kill-child', '--mount-proc'],
    // All podmans of a machine have their locks in one segment of shared memory, and a new one frees them all.
    ...['sh', '-c', 'mount -t tmpfs none /dev/shm && ip link set lo up && exec podman "$@"', 'sh'],
    ...['--root', own('root'), '--runroot', own('run'), '--tmpdir', own('tmp'), '--runtime', 'runc'],
    ...['--network-config-dir', own('net')],
    ...['--cgroup-manager', 'cgroupfs', '--events-backend', 'file', '--storage-driver', 'overlay'],
    ...['system', 'service', `unix://${socket}`, '--time', '0'],
  ]);
  const containers = containersOf(socket);
  const clear = async () => {
    service.child.kill('SIGKILL');
    await service.ended;
    await folder[Symbol.asyncDispose]();
  };
  try {
    await waitFor(() => containers.api('GET', '/_ping').catch(() => null), {
      what: 'podman',
      timeout: 30_000,
    });
    await importImage(containers, await imageTar(folder.path));
  } catch (error) {
    await clear();
    throw new Error(`${error}\n${service.output().slice(-4_000)}`);
  }
  return { ...containers, env: { DOCKER_HOST: `unix://${socket}` }, [Symbol.asyncDispose]: clear };
}
