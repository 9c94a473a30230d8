import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { type Containers, containersOf, importImage } from './containers.ts';
import { imageTar } from './docker-image.ts';
import { childOf, type Dockerd, removeGroups, socketIn, startDockerd } from './dockerd.ts';
import { isAlive, startProcess, waitFor } from './haproxy.ts';
import { holdName } from './held-name.ts';

export interface DockerOptions {
  /** Whether containers outlive a restart of the engine. @default false */
  readonly liveRestore?: boolean;
  /**
   * `own`: a network namespace of its own, whose ports are at `address`, for what takes fixed ports and networks. @default 'machine'
   */
  readonly network?: 'machine' | 'own';
}

/** A real Docker engine of the test's own. */
export interface TestDocker extends Containers, AsyncDisposable {
  /** The path of its socket. */
  readonly socket: string;
  /** What makes Docker's own client, and `announce`, speak to it. */
  readonly env: { readonly DOCKER_HOST: string };
  /** The pid of dockerd. */
  readonly pid: number;
  /** Where this process reaches what its containers publish. */
  readonly address: string;
  /** The first process of a container, as `crash()` takes it. */
  processOf(container: string): Promise<number>;
  /** Kills that with -9, whether or not dockerd runs. */
  crash(process: number): Promise<void>;
  /** Runs a program where the engine runs, in its process and mount namespaces; gives what it says. */
  within(...command: string[]): Promise<string>;
  /** The file system of a running container, as a path of this machine. */
  rootOf(container: string): Promise<string>;
  /** Ends dockerd alone: in order (its containers end too, but with `liveRestore`), or by SIGKILL (they live on). */
  end(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  /** Starts dockerd again, on the same data, after `end()`. */
  again(): Promise<void>;
}

/** Where Docker reads which ports it may give out. */
const PORT_RANGE = '/proc/sys/net/ipv4/ip_local_port_range';
/**
 * Its ports: above those that the kernel gives to connections, which are taken as soon as somebody asks for something, and
 * those of an engine apart from those of most others.
 */
const FIRST_PORT = 61_000;
const PORTS = 200;

/** Nobody has these: there are 256 networks of 254 addresses for as many engines of this machine. */
const NETWORK = '10.231';
const PREFIX = 'pm-test-';

/**
 * Starts dockerd with everything of its own, and waits until it serves: `await using docker = await startDocker()`. Several may
 * run side by side, and beside the machine's own: it has a bridge of its own and touches no packet filter, so ports are
 * published by Docker's proxy alone. It lives in process and mount namespaces of its own: where their first process ends
 * (by us, or by the reaper), dockerd, its containers and their mounts are gone with it.
 */
export async function startDocker(options: DockerOptions = {}): Promise<TestDocker> {
  if (process.getuid?.() !== 0) {
    throw new Error('A Docker engine takes root: sudo npm test, or leave it to CI.');
  }
  await sweep();
  const network = await takeNetwork();
  const own = options.network === 'own';
  const folder = folderOf(network.bridge);
  await mkdir(folder, { mode: 0o700 });
  await writeFile(path.join(folder, 'ports'), network.ports);
  const holder = await startProcess('unshare', [
    ...['--pid', '--mount', '--fork', '--kill-child', '--mount-proc', ...(own ? ['--net'] : [])],
    // From these Docker gives out ports by itself.
    ...['sh', '-c', `mount --bind ${path.join(folder, 'ports')} ${PORT_RANGE} && { sleep infinity & wait; }`],
  ]);
  const first = await waitFor(() => childOf(holder.pid), { what: 'the first process of the namespaces' });
  const socket = socketIn(folder);
  const containers = containersOf(socket);
  // Instead of the machine's own.
  await writeFile(path.join(folder, 'daemon.json'), '{}');
  const launch = (): Promise<Dockerd> =>
    startDockerd({
      first,
      folder,
      group: network.bridge,
      flags: [
        ...(own ? [] : ['--bridge', network.bridge]),
        ...(options.liveRestore ? ['--live-restore'] : []),
      ],
    });
  let engine: Dockerd | undefined;
  const clear = async () => {
    holder.child.kill('SIGKILL');
    await holder.ended;
    await waitFor(async () => !(await isAlive(first)), { what: 'the end of the namespaces' });
    await engine?.ended;
    await network[Symbol.asyncDispose]();
  };
  try {
    await (own ? network.join(first) : network.make());
    engine = await launch();
    await importImage(containers, await imageTar(folder));
  } catch (error) {
    await clear();
    throw error;
  }
  const within = async (...command: string[]) => {
    const ended = await execa('nsenter', ['--target', String(first), '--pid', '--mount', ...command]);
    return ended.stdout;
  };
  const processOf = async (container: string): Promise<number> =>
    JSON.parse(await containers.api('GET', `/containers/${container}/json`)).State.Pid;
  return {
    socket,
    env: { DOCKER_HOST: `unix://${socket}` },
    address: own ? network.inside : '127.0.0.1',
    get pid() {
      return engine?.dockerd ?? 0;
    },
    ...containers,
    processOf,
    within,
    async rootOf(container) {
      return path.join('/proc', String(first), 'root', 'proc', String(await processOf(container)), 'root');
    },
    async crash(number) {
      // It is the number in there.
      await within('kill', '-9', String(number));
    },
    async end(signal = 'SIGTERM') {
      process.kill(engine?.dockerd ?? 0, signal);
      await engine?.ended;
    },
    async again() {
      engine = await launch();
    },
    [Symbol.asyncDispose]: clear,
  };
}

interface Network extends AsyncDisposable {
  readonly bridge: string;
  /** The first and the last port that it gives out, in the kernel's form. */
  readonly ports: string;
  /** The address within, of a network namespace that joined. */
  readonly inside: string;
  make(): Promise<void>;
  /** Makes it the way from here into the network namespace of a process, instead of a bridge. */
  join(pid: number): Promise<void>;
}

/** A network of the 256 that no test process of this machine has now. */
async function takeNetwork(): Promise<Network> {
  for (;;) {
    const number = Math.floor(Math.random() * 256);
    const bridge = `${PREFIX}${number}`;
    const name = await holdName(bridge);
    if (name) {
      const first = FIRST_PORT + PORTS * (number % Math.floor((65_536 - FIRST_PORT) / PORTS));
      return {
        bridge,
        ports: `${first}\t${first + PORTS - 1}\n`,
        inside: `${NETWORK}.${number}.2`,
        async make() {
          await execa('ip', ['link', 'add', bridge, 'type', 'bridge']);
          await up(bridge, `${NETWORK}.${number}.1/24`);
        },
        async join(pid) {
          const peer = ['peer', 'name', 'eth0', 'netns', String(pid)];
          await execa('ip', ['link', 'add', bridge, 'type', 'veth', ...peer]);
          await up(bridge, `${NETWORK}.${number}.1/24`);
          const within = ['nsenter', '--target', String(pid), '--net'];
          await up('eth0', `${NETWORK}.${number}.2/24`, within);
          await execa('nsenter', [...within.slice(1), 'ip', 'link', 'set', 'lo', 'up']);
        },
        async [Symbol.asyncDispose]() {
          await remove(bridge);
          name.close();
        },
      };
    }
  }
}

async function up(link: string, address: string, within: readonly string[] = []): Promise<void> {
  const [program = 'ip', ...words] = [...within, 'ip'];
  await execa(program, [...words, 'address', 'add', address, 'dev', link]);
  await execa(program, [...words, 'link', 'set', link, 'up']);
}

/** What a run that was killed left behind: whatever bears a name that nobody holds any more. */
async function sweep(): Promise<void> {
  const { stdout } = await execa('ip', ['-o', 'link', 'show']);
  const bridges = [...stdout.matchAll(/^\d+: ([^:@]+)[:@]/gm)].map(([, name = '']) => name);
  const all = new Set([...bridges, ...(await readdir(tmpdir()))].filter((name) => name.startsWith(PREFIX)));
  for (const bridge of all) {
    const name = await holdName(bridge);
    if (name) {
      await remove(bridge);
      name.close();
    }
  }
}

/** The bridge of that name, with its control groups and its folder. */
async function remove(bridge: string): Promise<void> {
  await execa('ip', ['link', 'delete', bridge], { reject: false });
  await removeGroups(bridge);
  await rm(folderOf(bridge), { recursive: true, force: true });
}

function folderOf(bridge: string): string {
  return path.join(tmpdir(), bridge);
}
