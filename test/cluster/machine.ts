import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { childOf } from '../support/dockerd.ts';
import { isAlive, startProcess, waitFor } from '../support/haproxy.ts';
import type { Lab } from './lab.ts';

/** A machine of a lab: a network, processes, mounts and a name of its own. Its disk is a folder, which outlives its power. */
export interface Machine extends AsyncDisposable {
  readonly name: string;
  /** `ip netns exec NAMESPACE …` runs something in its network. */
  readonly namespace: string;
  readonly address: string;
  /** Its port of the bridge: `ip link set PORT down` pulls its cable. */
  readonly port: string;
  readonly folder: string;
  /** Its first process, as it is called out here. */
  readonly first: number;
  readonly isOn: boolean;
  /** Starts a program there. */
  start(command: string, args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Program>;
  /**
   * Takes its power: first nothing leaves it any more, not even that its connections ended; then every process is gone.
   * Gives the moment of `performance.now()` at which nothing left it any more.
   */
  losePower(): Promise<number>;
  /** Gives it power again. Nothing runs on it then. */
  power(): Promise<void>;
  /** Whatever it sends to these addresses is lost without a word. */
  cutOff(addresses: readonly string[]): Promise<void>;
  /** Undoes that. */
  reconnect(addresses: readonly string[]): Promise<void>;
}

/** A program on a machine. */
export interface Program {
  readonly name: string;
  /** As it is called out here. */
  readonly pid: number;
  /** What it said so far, with the moment of `performance.now()` at which that was heard. */
  readonly lines: readonly { readonly at: number; readonly text: string }[];
  readonly isRunning: boolean;
  /** Sends it a signal; its end is `ended`. */
  signal(name: NodeJS.Signals): void;
  readonly ended: Promise<number | string>;
}

/** Where Docker reads which ports it may give out, and below those: what the kernel gives to connections. */
const PORT_RANGE = '/proc/sys/net/ipv4/ip_local_port_range';
const OUTGOING = '10000 32767';
const PUBLISHED = '32768\t60999\n';

/**
 * What its first process does before it waits: a host name and a machine id of its own, ports for Docker, and connections whose other
 * end is gone without a word end after 6 s (see docs/cluster.md).
 */
const FIRST = `
  echo "$1" > /proc/sys/kernel/hostname
  [ ! -e /etc/machine-id ] || mount --bind "$2/machine-id" /etc/machine-id
  echo "${OUTGOING}" > ${PORT_RANGE}
  echo 4 > /proc/sys/net/ipv4/tcp_retries2
  mount --bind "$2/ports" ${PORT_RANGE}
  sleep infinity & wait`;

/** Sets a machine up at an address of the lab, and gives it power. */
export async function openMachine(lab: Lab, name: string, number: number): Promise<Machine> {
  const namespace = `${lab.name}-${name}`;
  const folder = path.join(lab.folder, name);
  const [address, port] = [lab.address(number), `${lab.name}-${number}`];
  await mkdir(folder);
  await writeFile(path.join(folder, 'machine-id'), `${randomUUID().replaceAll('-', '')}\n`, { mode: 0o444 });
  await writeFile(path.join(folder, 'ports'), PUBLISHED);
  const inside = (...args: readonly string[]) => execa('ip', ['-n', namespace, ...args]);
  const send = async (addresses: readonly string[], to: (address: string) => string) => {
    const lines = addresses.map((one) => `neigh replace ${one} lladdr ${to(one)} dev eth0 nud permanent\n`);
    await execa('ip', ['-n', namespace, '-batch', '-'], { input: lines.join('') });
  };
  const reconnect = (addresses: readonly string[]) =>
    send(addresses, (one) => hardware(Number(one.split('.')[3])));
  let first = 0;
  let holder: Awaited<ReturnType<typeof startProcess>> | null = null;

  /** Connections of the dead keep its network for a while: the cable goes by itself. */
  const scrap = async () => {
    await execa('ip', ['link', 'delete', port], { reject: false });
    await execa('ip', ['netns', 'delete', namespace], { reject: false });
  };
  const power = async () => {
    await scrap();
    await execa('ip', ['netns', 'add', namespace]);
    await execa('ip', [
      ...['link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0'],
      ...['address', hardware(number), 'netns', namespace],
    ]);
    await execa('ip', ['link', 'set', port, 'master', lab.name, 'up']);
    await inside('link', 'set', 'lo', 'up');
    await inside('address', 'add', `${address}/24`, 'dev', 'eth0');
    await inside('link', 'set', 'eth0', 'up');
    // As in a cloud, nobody finds out by asking around who is gone.
    await reconnect(lab.addresses);
    holder = await startProcess('nsenter', [
      ...[`--net=/run/netns/${namespace}`, 'unshare', '--pid', '--mount', '--uts', '--fork', '--kill-child'],
      ...['--mount-proc', 'sh', '-c', FIRST, 'sh', name, folder],
    ]);
    const { pid } = holder;
    first = await waitFor(() => childOf(pid), { what: `the first process of ${name}` });
    await waitFor(async () => (await childOf(first)) !== undefined, { what: `${name} to be set up` });
  };
  const losePower = async () => {
    await execa('ip', ['link', 'set', port, 'down'], { reject: false });
    const silent = performance.now();
    holder?.child.kill('SIGKILL');
    await holder?.ended;
    holder = null;
    await waitFor(async () => !(await isAlive(first)), { what: `the end of ${name}`, timeout: 30_000 });
    return silent;
  };
  await power();
  return {
    name,
    namespace,
    address,
    port,
    folder,
    get first() {
      return first;
    },
    get isOn() {
      return holder !== null;
    },
    start: (command, args, env = {}) =>
      startThere({ first, folder, name: path.basename(command) }, [command, ...args], env),
    losePower,
    power,
    // To somebody whom the bridge does not know.
    cutOff: (addresses) => send(addresses, () => hardware(254)),
    reconnect,
    async [Symbol.asyncDispose]() {
      await losePower();
      await scrap();
    },
  };
}

const hardware = (number: number): string => `02:00:00:00:00:${number.toString(16).padStart(2, '0')}`;

async function startThere(
  where: { readonly first: number; readonly folder: string; readonly name: string },
  command: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Program> {
  const enter = [
    '--target',
    String(where.first),
    '--pid',
    '--mount',
    '--net',
    '--uts',
    `--wd=${where.folder}`,
  ];
  const started = await startProcess('nsenter', [...enter, ...command], { env: { ...process.env, ...env } });
  const lines: { at: number; text: string }[] = [];
  let rest = '';
  for (const stream of [started.child.stdout, started.child.stderr]) {
    stream?.on('data', (text: string) => {
      const parts = (rest + text).split('\n');
      rest = parts.pop() ?? '';
      const at = performance.now();
      lines.push(...parts.map((one) => ({ at, text: one })));
    });
  }
  let running = true;
  void started.ended.then(() => {
    running = false;
  });
  const pid = await waitFor(() => (running ? childOf(started.pid) : 0), { what: where.name, every: 5 });
  return {
    name: where.name,
    pid,
    lines,
    get isRunning() {
      return running;
    },
    signal(name) {
      if (running && pid > 0) {
        process.kill(pid, name);
      }
    },
    ended: started.ended,
  };
}
