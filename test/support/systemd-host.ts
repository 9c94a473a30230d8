import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { type Containers, containersOf, importImage } from './containers.ts';
import type { TestDocker } from './docker.ts';
import { imageTar } from './docker-image.ts';
import { tempFolder, waitFor } from './haproxy.ts';

const SCRIPT = fileURLToPath(new URL('systemd-host.sh', import.meta.url));
const TAR = fileURLToPath(new URL('../../.cache/systemd-host/rootfs.tar', import.meta.url));
const IMAGE = 'systemd-host:test';
const NAME = 'host';
/**
 * Each systemd takes the root of the machine's control groups for its own: one at a time. A process of the engine's namespaces has the
 * lock, which ends with them.
 */
const TAKE_TURN = 'exec 9>"$1"; flock 9; sleep infinity </dev/null >/dev/null 2>&1 &';

/** A host of its own: systemd as process 1, a Docker engine and etcd, as units of its own. */
export interface SystemdHost {
  /** Where this process reaches its ports. */
  readonly address: string;
  /** Its engine. It has the image of the tests (`WEB_IMAGE`). */
  readonly engine: Containers & { readonly env: { readonly DOCKER_HOST: string } };
  /** Runs a program there; gives what it says. */
  run(...command: string[]): Promise<string>;
  /** Writes a file there. */
  write(file: string, text: string): Promise<void>;
  /** Starts it anew, in order; resolves when systemd is there again. */
  reboot(): Promise<void>;
}

/** Makes the file system of the host, half a minute at the first time. */
export async function makeSystemdHost(): Promise<void> {
  await execa('sh', [SCRIPT, TAR], { stdin: 'ignore' });
}

/**
 * Starts such a host as a container of an engine, in a network namespace of its own. It ends with that engine. Its own engine
 * makes containers within it, so that host networks, ports and folders are the host's alone.
 */
export async function startSystemdHost(docker: TestDocker): Promise<SystemdHost> {
  await docker.within('sh', '-c', TAKE_TURN, 'sh', path.join(tmpdir(), 'pointsman-systemd-host.lock'));
  const control = path.join(path.dirname(docker.socket), 'cgroup');
  await mkdir(control);
  await docker.within('mount', '-t', 'cgroup2', 'none', control);
  const call = (...words: string[]) => execa('docker', words, { env: docker.env, stdin: 'ignore' });
  await call('import', '--change', 'CMD ["/sbin/init"]', TAR, IMAGE);
  await call(
    ...['run', '--detach', '--tty', '--name', NAME, '--hostname', NAME, '--cgroupns', 'host'],
    ...['SYS_ADMIN', 'NET_ADMIN', 'SYS_PTRACE'].flatMap((name) => ['--cap-add', name]),
    ...['--env', 'container=docker'],
    ...['--security-opt', 'seccomp=unconfined', '--security-opt', 'apparmor=unconfined'],
    ...['--security-opt', 'systempaths=unconfined', '--stop-signal', 'SIGRTMIN+3'],
    ...['--tmpfs', '/run', '--tmpfs', '/tmp', '--volume', '/var/lib/docker'],
    ...['--volume', `${control}:/sys/fs/cgroup`, IMAGE],
  );

  let root = '';
  const run = async (...command: string[]) => {
    const target = String(await docker.processOf(NAME));
    // Not by `docker exec`: systemd gives the group of the container to its own.
    const enter = ['nsenter', '--target', target, '--mount', '--uts', '--ipc', '--net', '--pid'];
    return docker.within(...enter, 'env', '-u', 'DOCKER_HOST', ...command);
  };
  const up = async () => {
    root = await docker.rootOf(NAME);
    await waitFor(async () => (await run('systemctl', 'is-active', 'docker').catch(() => '')) === 'active', {
      what: 'the engine of the host',
      timeout: 60_000,
    });
  };
  await up();
  const socket = () => `${root}/run/docker.sock`;
  const engine = {
    ...containersOf(socket()),
    env: { DOCKER_HOST: `unix://${socket()}` },
  };
  await using folder = await tempFolder();
  await importImage(engine, await imageTar(folder.path));
  const { NetworkSettings } = JSON.parse(await docker.api('GET', `/containers/${NAME}/json`));
  return {
    address: NetworkSettings.IPAddress,
    engine,
    run,
    async write(file, text) {
      await mkdir(path.join(root, path.dirname(file)), { recursive: true });
      await writeFile(path.join(root, file), text);
    },
    async reboot() {
      await call('restart', '--time', '60', NAME);
      await up();
    },
  };
}
