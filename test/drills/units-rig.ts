import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { buildImage, loadIntoDocker } from '../container/podman.ts';
import { MAIN } from '../support/announce.ts';
import { WEB_IMAGE } from '../support/containers.ts';
import { startDocker } from '../support/docker.ts';
import { startBackend, waitFor } from '../support/haproxy.ts';
import { runToEnd } from '../support/pointsman.ts';
import { startRelay } from '../support/relay.ts';
import { makeSystemdHost, type SystemdHost, startSystemdHost } from '../support/systemd-host.ts';
import { type Asking, startAsking } from './asking.ts';
import { hold, type Rig, startRig } from './rig.ts';

/**
 * Two instances of the service `shop`, as the units that `pointsman units` makes, on a host with systemd, and a third one elsewhere;
 * etcd, Pointsman and HAProxy beside it.
 */
export interface UnitsHost extends AsyncDisposable {
  readonly rig: Rig;
  readonly host: SystemdHost;
  readonly presence: Presence;
  /** Requests for `shop`, from its start on. */
  readonly asking: Asking;
  /** What the journal has of a unit since then. */
  journal(unit: string, since: Date): Promise<string>;
  /** Runs systemctl there. */
  systemctl(...words: string[]): Promise<string>;
  /** The instances of the host, as `registered()` names them. */
  readonly all: readonly string[];
  /** The instances that are registered, as `shop-1`, with ` drains` behind those that drain; not the one elsewhere. */
  registered(): Promise<readonly string[]>;
  /** Waits until these are registered, and no others. Gives the milliseconds. */
  become(...instances: readonly string[]): Promise<number>;
  /** Instances whose keys were deleted, each time. */
  readonly deleted: readonly string[];
  /** What the engine of the host told of these containers since then, one after the other. */
  told(since: Date, ...containers: readonly string[]): Promise<readonly Told[]>;
}

/** What an engine told. */
export interface Told {
  readonly container: string;
  /** `start`, `kill`, `die`. */
  readonly action: string;
}

/** How `shop` is announced: by a partner in a container, by one that is a program of the host, or as a child of that program. */
export type Presence = 'container' | 'program' | 'exec';

/** The image that the units name. */
const POINTSMAN = 'registry.example.com/pointsman:0.1.0';
/** What is under way in it when it is told to end is lost: it has to have no requests by then. */
const definitions = (presence: Presence, etcd: string): string => `
announce:
  ${presence === 'container' ? `image: ${POINTSMAN}` : 'program: /usr/bin/pointsman'}
  interface: eth0
  etcd: [${etcd}]
services:
  shop:
    image: shop:git-1a2b3c4
    ${presence === 'exec' ? 'presence: exec' : 'instances: 2'}
    ports: [${presence === 'exec' ? '"18080:8080"' : '8080'}]
    env: { NAME: shop/units, LINGER: 0 }
    check: /
    drain: 1s
    stop: 2s
    restart: { pause: 1s }
    memory: 64m
`;

/** Starts the host and its units; all of `shop` is registered and served. */
export async function startUnitsHost(presence: Presence): Promise<UnitsHost> {
  await makeImages();
  await using stack = new AsyncDisposableStack();
  const elsewhere = stack.use(await startBackend('shop/elsewhere'));
  const rig = stack.use(
    await startRig({
      more: { apply: { mode: 'auto' } },
      keys: { '/services/shop/elsewhere': elsewhere.address },
    }),
  );
  const docker = stack.use(await startDocker());
  const host = await startSystemdHost(docker);
  const relay = stack.use(await startRelay(rig.etcd.port, host.address.replace(/\d+$/, '1')));
  const { DOCKER_HOST } = host.engine.env;
  await loadIntoDocker(DOCKER_HOST, POINTSMAN);
  await execa('docker', ['tag', WEB_IMAGE, 'shop:git-1a2b3c4'], { env: { DOCKER_HOST } });
  if (presence !== 'container') {
    await installProgram(host);
  }
  const etcd = `http://${host.address.replace(/\d+$/, '1')}:${relay.port}`;
  const services = await install(host, rig.site.folder, definitions(presence, etcd));
  const deleted: string[] = [];
  const watcher = await rig.etcd.client.watch().prefix('/services/shop/').create();
  stack.defer(() => watcher.cancel().catch(() => undefined));
  watcher.on('delete', ({ key }) => deleted.push(instanceOf(key.toString())));
  const registered = async () => {
    const keys = await rig.etcd.client.getAll().prefix('/services/shop/').strings();
    return Object.entries(keys)
      .filter(([key]) => !key.endsWith('/elsewhere'))
      .map(([key, value]) => `${instanceOf(key)}${value.includes('"drain":true') ? ' drains' : ''}`)
      .toSorted();
  };
  const become = (...instances: readonly string[]) =>
    rig
      .time(async () => String(await registered()) === String(instances), `registered: ${instances}`, 120_000)
      .catch(async (error) => {
        throw new Error(`${error}\nregistered: ${await registered()}\n${await latest(host)}`);
      });
  const asking = stack.use(startAsking(rig.site.url, ['shop']));
  await waitFor(() => asking.all.some(({ ok }) => ok), { what: 'an answer of shop' });
  await host.run('systemctl', 'enable', '--now', ...services);
  const all = presence === 'exec' ? ['shop'] : ['shop-1', 'shop-2'];
  await become(...all);
  const held = stack.move();
  return {
    rig,
    host,
    presence,
    asking,
    all,
    deleted,
    journal: (unit, since) =>
      host.run('journalctl', '--no-pager', '--unit', unit, '--since', `@${since.getTime() / 1000}`),
    systemctl: (...words) => host.run('systemctl', ...words),
    registered,
    become,
    async told(since, ...containers) {
      const now = (Date.now() / 1000).toFixed(3);
      const filters = encodeURIComponent(JSON.stringify({ event: ['start', 'kill', 'die'] }));
      const query = `since=${since.getTime() / 1000}&until=${now}&filters=${filters}`;
      const lines = (await host.engine.api('GET', `/events?${query}`))
        .split('\n')
        .filter((line) => line !== '');
      return lines
        .map((line) => {
          const { Action, Actor } = JSON.parse(line);
          return { container: String(Actor.Attributes.name), action: String(Action) };
        })
        .filter(({ container }) => containers.includes(container));
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

let made: Promise<unknown> | undefined;

/** Minutes where nothing of it is cached: once for all of a process. */
function makeImages(): Promise<unknown> {
  made ??= buildImage().then(makeSystemdHost);
  return made;
}

/** Makes the units as a person does, and puts them into the host. Gives the names of the services. */
async function install(host: SystemdHost, folder: string, text: string): Promise<string[]> {
  await writeFile(path.join(folder, 'units.yaml'), text);
  const ended = await runToEnd([MAIN, 'units', 'units.yaml', '--out', 'units'], folder);
  hold(ended.code === 0, `the units are made: ${ended.stderr}`);
  const units = await readdir(path.join(folder, 'units'));
  for (const name of units) {
    await host.write(`/etc/systemd/system/${name}`, await readFile(path.join(folder, 'units', name), 'utf8'));
  }
  await host.run('systemctl', 'daemon-reload');
  return units.filter((name) => !name.includes('-presence@'));
}

/** Pointsman as a program of the host, out of its image. */
async function installProgram(host: SystemdHost): Promise<void> {
  await host.run('docker', 'create', '--name', 'program', POINTSMAN);
  await host.run('docker', 'cp', 'program:/usr/local/bin/node', '/usr/local/bin/node');
  await host.run('docker', 'cp', 'program:/opt/pointsman', '/opt/pointsman');
  await host.run('docker', 'rm', 'program');
  await host.run('ln', '-s', '/opt/pointsman/dist/main.js', '/usr/bin/pointsman');
}

function latest(host: SystemdHost): Promise<string> {
  return host.run('journalctl', '--no-pager', '--lines', '60', '--output', 'short-precise').catch(String);
}

/** `/services/shop/host:shop-1:8080` is `shop-1`. */
function instanceOf(key: string): string {
  return key.split(':')[1] ?? key;
}
