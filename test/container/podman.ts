import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { startProcess, type TestProcess } from '../support/haproxy.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const STATE = `${ROOT}.cache/container`;
const ENV = { ...process.env, CONTAINERS_STORAGE_CONF: `${STATE}/storage.conf` };

/** The name that the tests build the image by. */
export const IMAGE = 'localhost/pointsman:test';

/** The uid and gid that the image runs as. */
export const IMAGE_USER = 990;

/** Builds the Dockerfile of the project as `IMAGE`; from a cache where it was built before. */
export async function buildImage(): Promise<void> {
  const built = await execa('sh', [`${ROOT}test/container/build-image.sh`, STATE, IMAGE], {
    stdin: 'ignore',
    all: true,
    reject: false,
  });
  if (built.exitCode !== 0) {
    throw new Error(`building the image: exit ${built.exitCode}\n${built.all}`);
  }
}

/** Gives `IMAGE` to the Docker engine at `host` (`unix://…`), as `name`. */
export async function loadIntoDocker(host: string, name: string): Promise<void> {
  const script =
    'podman save --quiet --format docker-archive "$1" | docker load --quiet && docker tag "$1" "$2"';
  await execa('sh', ['-c', script, 'sh', IMAGE, name], {
    env: { ...ENV, DOCKER_HOST: host },
    stdin: 'ignore',
  });
}

/** Runs a podman command to its end and gives what it says; throws where it fails. */
export async function podman(...args: string[]): Promise<string> {
  const ended = await execa('podman', args, { env: ENV, stdin: 'ignore', all: true, reject: false });
  if (ended.exitCode !== 0) {
    throw new Error(`podman ${args[0]}: exit ${ended.exitCode}\n${ended.all}`);
  }
  return ended.all;
}

/** How to start a container. */
export interface ContainerOptions {
  readonly image: string;
  /** What it runs. @default the image's own command */
  readonly command?: readonly string[];
  /** Folders or files of the host: `HOST:CONTAINER[:ro]`. */
  readonly mounts?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Further flags of `podman run`. */
  readonly flags?: readonly string[];
}

/** A running container; removed at the end. */
export interface Container extends TestProcess {
  readonly name: string;
}

/** The recipe of docs/container.md, with what it takes here: a root that is really read-only, limits of this machine. */
const FLAGS = [
  ...['--runtime', 'runc', '--network', 'host', '--read-only', '--read-only-tmpfs=false', '--no-healthcheck'],
  ...['--cap-drop', 'all', '--security-opt', 'no-new-privileges'],
  ...['--ulimit', 'nofile=16384:16384', '--ulimit', 'nproc=8192:8192', '--pull', 'never'],
  // The next build removes those of other runs.
  ...['--label', `run=${process.env.TEST_RUN_TAG ?? 'none'}`],
];

/** Starts a container in the foreground, on the host's network, with a read-only root and without capabilities. */
export async function startContainer(options: ContainerOptions): Promise<Container> {
  const name = `pointsman-test-${randomBytes(4).toString('hex')}`;
  const mounts = (options.mounts ?? []).flatMap((mount) => ['--volume', mount]);
  const env = Object.entries(options.env ?? {}).flatMap(([key, value]) => ['--env', `${key}=${value}`]);
  const args = [
    'run',
    '--name',
    name,
    ...FLAGS,
    ...(options.flags ?? []),
    ...mounts,
    ...env,
    options.image,
    ...(options.command ?? []),
  ];
  const process = await startProcess('podman', args, { env: ENV });
  return {
    ...process,
    name,
    async [Symbol.asyncDispose]() {
      await podman('rm', '--force', '--volumes', '--time', '1', name);
      await process[Symbol.asyncDispose]();
    },
  };
}

/** Runs a command in a new container of the image and gives what it says. */
export function runOnce(image: string, ...command: string[]): Promise<string> {
  return podman('run', '--rm', ...FLAGS, image, ...command);
}

/** How many processes of the container are zombies, and how many there are at all. */
export async function processes(container: Container): Promise<{ all: number; zombies: number }> {
  const script = `
    const { readdirSync, readFileSync } = require('node:fs');
    const states = readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name)).map((pid) => {
      try { return readFileSync('/proc/' + pid + '/stat', 'utf8').replace(/^.*\\) /s, '')[0]; } catch { return ''; }
    });
    console.log(JSON.stringify({ all: states.length, zombies: states.filter((s) => s === 'Z').length }));`;
  return JSON.parse(await podman('exec', container.name, 'node', '-e', script));
}

/** Asks the image's health check inside of the container: what it complains about, or nothing. */
export async function complaint(container: Container): Promise<string> {
  const asked = await execa(
    'podman',
    ['exec', container.name, 'node', '/opt/pointsman/container-health.mjs'],
    { env: ENV, stdin: 'ignore', all: true, reject: false },
  );
  return asked.exitCode === 0 ? '' : asked.all;
}

/** What the processes of a container may do. */
export interface Privileges {
  readonly name: string;
  readonly uid: string;
  /** `CapPrm CapEff CapBnd CapAmb` of /proc/PID/status, in hexadecimal. */
  readonly capabilities: readonly string[];
  readonly noNewPrivileges: string;
}

/** What each process of a container may do, this question left out. */
export async function privileges(container: Container): Promise<Privileges[]> {
  const script = `
    const { readdirSync, readFileSync } = require('node:fs');
    const pids = readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name) && name !== String(process.pid));
    const found = pids.flatMap((pid) => {
      let text = '';
      try { text = readFileSync('/proc/' + pid + '/status', 'utf8'); } catch { return []; }
      const field = (name) => new RegExp('^' + name + ':\\\\s*(\\\\S+)', 'm').exec(text)?.[1] ?? '';
      const capabilities = ['CapPrm', 'CapEff', 'CapBnd', 'CapAmb'].map(field);
      return [{ name: field('Name'), uid: field('Uid'), capabilities, noNewPrivileges: field('NoNewPrivs') }];
    });
    console.log(JSON.stringify(found));`;
  return JSON.parse(await podman('exec', container.name, 'node', '-e', script));
}
