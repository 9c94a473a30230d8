import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { MAIN } from '../support/announce.ts';
import { type Containers, containersOf } from '../support/containers.ts';
import { socketIn, startDockerd } from '../support/dockerd.ts';
import { cli, request, waitFor } from '../support/haproxy.ts';
import { importBase } from './image.ts';
import type { Lab } from './lab.ts';
import { type Machine, openMachine, type Program } from './machine.ts';

/** A host of the fleet: an engine, HAProxy, `pointsman run` and `announce --all`, each a program of its own. */
export interface Host extends AsyncDisposable {
  readonly name: string;
  readonly machine: Machine;
  readonly docker: Containers;
  readonly dockerSocket: string;
  readonly settingsFile: string;
  /** Where the status page answers. */
  readonly status: string;
  /** Whether it should be up. */
  readonly isOn: boolean;
  /** What its HAProxy says of each server of each service: `shop/host-1:shop-1-git-1a2b3c4:8080` -> `UP`. */
  servers(): Promise<ReadonlyMap<string, string>>;
  /** Why Pointsman says that not all is as it should be; empty when it is. */
  troubles(): Promise<readonly string[]>;
  /** Every line of HAProxy's log about a request, by `?r=`; the last one of them. */
  logOf(request: number): string | undefined;
  /** Kills a process there with -9, by its number inside. */
  killInside(pid: number): Promise<void>;
  /** Its power is gone; gives the moment at which nothing left it any more. */
  kill(): Promise<number>;
  /** Its power is back: everything starts at once, as units do, HAProxy with the file of before. */
  boot(): Promise<void>;
  /** Everything ends in order: what it announces is drained and taken out, then containers, HAProxy and the rest stop. */
  shutDown(): Promise<void>;
}

/** What of a source `/api/status` says. */
interface SourceStatus {
  readonly name: string;
  readonly state: string;
}

/** What a host is told. */
export interface HostOptions {
  readonly etcd: readonly string[];
  /** Further sources of its `pointsman run`, and of its environment. */
  readonly sources: readonly object[];
  readonly env?: Readonly<Record<string, string>>;
  /** The file system of the services' images. */
  readonly image: Buffer;
}

/** How long `announce` drains, and the services serve on. */
export const DRAIN = '2s';
export const LINGER = '4';
/** The domain of the services. */
export const DOMAIN = 'cluster.test';
/** Where a container finds its host: the address of Docker's bridge. */
export const FROM_CONTAINER = '172.17.0.1';

/** Sets a host up and boots it; it is there when HAProxy runs what Pointsman wrote. */
export async function openHost(lab: Lab, name: string, number: number, options: HostOptions): Promise<Host> {
  const machine = await openMachine(lab, name, number);
  const { folder, address } = machine;
  const at = (file: string) => path.join(folder, file);
  const [settingsFile, config, engine] = [at('pointsman.yaml'), at('etc/haproxy.cfg'), at('docker')];
  const [masterSocket, statsSocket] = [at('run/master.sock'), at('run/stats.sock')];
  for (const one of ['etc', 'run', 'state', 'announce', 'docker']) {
    await mkdir(at(one));
  }
  await writeFile(at('docker/daemon.json'), '{}');
  const settings = {
    sources: [{ etcd: { endpoints: options.etcd } }, ...options.sources],
    output: { path: config },
    stateDir: at('state'),
    haproxy: { mode: 'master-socket', masterSocket, statsSocket },
    vars: { bind: ':80', domain: DOMAIN },
    status: { listen: `${address}:9290` },
    log: { format: 'json' },
  };
  // JSON is YAML.
  await writeFile(settingsFile, JSON.stringify(settings, null, 2));
  const announceFlags = [
    ...['announce', '--all', '--etcd', options.etcd.join(','), '--engine', `unix://${socketIn(engine)}`],
    ...['--set', `stateDir=${at('announce')}`, '--drain', DRAIN],
  ];
  const docker = containersOf(socketIn(engine));
  /** Of this boot and those before, since what HAProxy said is asked for later. */
  const haproxys: Program[] = [];
  const running: { run?: Program; announce?: Program } = {};

  const node = (args: readonly string[]) => machine.start(process.execPath, [MAIN, ...args], options.env);
  const startHaproxy = async () => {
    await waitFor(() => existsSync(config), { what: `the first file of ${name}`, timeout: 60_000 });
    haproxys.push(await machine.start('haproxy', ['-W', '-S', `${masterSocket},mode,600`, '-f', config]));
  };
  const startEngine = async () => {
    const group = machine.namespace;
    await startDockerd({
      first: machine.first,
      folder: engine,
      group,
      flags: ['--bip', `${FROM_CONTAINER}/16`],
    });
  };
  const boot = async () => {
    [running.run, running.announce] = await Promise.all([
      node(['run', '--config', settingsFile]),
      node(announceFlags),
      startEngine(),
      startHaproxy(),
    ]);
  };
  try {
    await boot();
    await importBase(docker, options.image);
  } catch (error) {
    const said = [...(running.run?.lines ?? []), ...(haproxys[0]?.lines ?? [])]
      .map(({ text }) => text)
      .join('\n');
    await machine[Symbol.asyncDispose]();
    throw new Error(`${name} did not boot: ${error}\n${said}`);
  }
  return {
    name,
    machine,
    docker,
    dockerSocket: socketIn(engine),
    settingsFile,
    status: `http://${address}:9290`,
    get isOn() {
      return machine.isOn;
    },
    servers: async () => serversIn(await cli(statsSocket, 'show stat').catch(() => '')),
    async troubles() {
      const answer = await request(`http://${address}:9290/api/status`, { timeout: 2_000 }).catch(() => null);
      if (answer?.status !== 200) {
        return ['no status'];
      }
      const status = JSON.parse(answer.body);
      return [
        ...(status.ready === true ? [] : ['not ready']),
        ...(status.pending === null ? [] : ['something is pending']),
        ...status.sources.flatMap(({ name: of, state }: SourceStatus) =>
          state === 'live' ? [] : [`${of} is ${state}`],
        ),
        ...status.held.map((one: object) => `held: ${JSON.stringify(one)}`),
      ];
    },
    logOf(number) {
      const mark = `?r=${number} `;
      return haproxys.flatMap(({ lines }) => lines.filter(({ text }) => text.includes(mark))).at(-1)?.text;
    },
    async killInside(pid) {
      await execa('nsenter', [
        '--target',
        String(machine.first),
        '--pid',
        '--mount',
        'kill',
        '-9',
        String(pid),
      ]);
    },
    kill: () => machine.losePower(),
    async boot() {
      await machine.power();
      // What lies in /run elsewhere.
      for (const one of ['docker/pid', 'docker/exec', 'run']) {
        await rm(at(one), { recursive: true, force: true });
      }
      await mkdir(at('run'));
      await boot();
    },
    async shutDown() {
      running.announce?.signal('SIGTERM');
      await running.announce?.ended;
      const leaving = await node([...announceFlags, '--leave']);
      await leaving.ended;
      for (const { Id } of JSON.parse(await docker.api('GET', '/containers/json'))) {
        void docker.stop(Id, 20).catch(() => undefined);
      }
      await waitFor(async () => JSON.parse(await docker.api('GET', '/containers/json')).length === 0, {
        what: `the containers of ${name} to stop`,
        timeout: 60_000,
      });
      haproxys.at(-1)?.signal('SIGUSR1');
      await haproxys.at(-1)?.ended;
      await machine.losePower();
    },
    [Symbol.asyncDispose]: () => machine[Symbol.asyncDispose](),
  };
}

/** The answer to `show stat` in a few words. */
function serversIn(csv: string): ReadonlyMap<string, string> {
  const [head = '', ...rows] = csv.split('\n');
  const at = head.replace('# ', '').split(',').indexOf('status');
  return new Map(
    rows.flatMap((row) => {
      const cells = row.split(',');
      const [backend = '', server = ''] = cells;
      const isServer = backend.startsWith('be_') && server !== 'BACKEND';
      return isServer ? [[`${backend.slice(3)}/${server}`, cells[at] ?? ''] as const] : [];
    }),
  );
}
