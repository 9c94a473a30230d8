import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { earlierBuild } from '../support/earlier-build.ts';
import { showProc, startLoad } from '../support/haproxy.ts';
import type { Drill, DrillResult } from './drill.ts';
import { ids, type Member, register, startMembers } from './fleet.ts';
import { hold, noFailures, type Rig, script, showServers, startRig } from './rig.ts';

const THIS = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/** Milliseconds: what is to be protected must have been there for so long. */
const WINDOW = 1_000;

/** HAProxy has no socket that could be asked, and `options` of an instance may be what it refuses. */
const TEMPLATE = `defaults
  mode http
  timeout connect 1s
  timeout client 5s
  timeout server 5s
  retries 3
  option redispatch 1
  option idle-close-on-response
frontend f
  bind {{ vars.bind }}
{% for s in services %}
  use_backend be_{{ s.name }} if { hdr(host) -m str {{ s.name }} }
{% endfor %}
  default_backend be_web
{% for s in services %}
backend be_{{ s.name }}
{% for i in s.instances %}
  server {{ i.id }} {{ i.address }} {{ i.meta.options | default("") }}
{% endfor %}
{% endfor %}
`;

/** What must outlive a change of the version. */
interface Alive {
  readonly held: readonly string[];
  readonly quarantined: readonly string[];
  readonly pausedUntil: unknown;
  /** The mark of the text that HAProxy has still to load. */
  readonly pending: string;
}

/** The instances of two services, which are registered by and by. */
interface Fleet {
  /** A service that goes from the store as a whole. */
  readonly gone: readonly Member[];
  /** Its value becomes one that HAProxy refuses. */
  readonly shop: Member;
  /** A newcomer, whose reload is owed. */
  readonly late: Member;
}

/** Has a hold, a quarantine, a load that is owed and a pause in the state folder of the version that runs. */
async function bringAbout(rig: Rig, { gone, shop, late }: Fleet): Promise<void> {
  const { site, etcd } = rig;
  await register(rig, [...gone, shop]);
  await rig.time(async () => [...gone, shop].every(isIn(await serversOf(rig))), 'the services in HAProxy');
  await rig.settled();
  await sleep(WINDOW + 300);
  const [host, port] = shop.address.split(':');
  await etcd.put(shop.key, JSON.stringify({ host, port: Number(port), options: 'nonsense' }));
  await rig.event('quarantined');
  await etcd.deletePrefix('/services/gone/');
  await rig.time(async () => (await alive(rig)).held.length === gone.length, 'the hold');
  await rig.time(async () => (await inState(rig)).includes('holds'), 'the hold on the disk');
  const isCached = async () => (await inFile(rig, 'tree')).includes('nonsense');
  await rig.time(isCached, 'the refused value in the cache', 30_000);
  await writeFile(path.join(site.folder, 'fault'), '');
  await register(rig, [late]);
  await rig.daemon.ended;
  await rm(path.join(site.folder, 'fault'));
  hold((await inState(rig)).includes('pending'), 'a load is owed');
  hold(!isIn(await serversOf(rig))(late), 'HAProxy does not run it yet');
  const { code, stderr } = await site.run('pause', '--for', '10m');
  hold(code === 0, `a pause begins: ${stderr}`);
}

const inState = ({ site }: Rig) => readdir(path.join(site.folder, 'state'));

const inFile = ({ site }: Rig, name: string) =>
  readFile(path.join(site.folder, 'state', name), 'utf8').catch(() => '');

const serversOf = ({ site }: Rig) => showServers(site.masterSocket);

const isIn =
  (servers: string) =>
  ({ id }: Member) =>
    servers.includes(` ${id} `);

/** What the daemon that runs now knows of it all. */
async function alive(rig: Rig): Promise<Alive> {
  const status = (await rig.daemon.status()) as {
    readonly held: readonly { readonly key: string; readonly since: string }[];
    readonly quarantined: readonly { readonly unit: string }[];
    readonly paused: { readonly until: unknown } | null;
  };
  const note = await inFile(rig, 'pending');
  const { units } = JSON.parse((await inFile(rig, 'quarantine.json')) || '{"units":[]}') as {
    readonly units: readonly { readonly since: number }[];
  };
  return {
    held: status.held.map(({ key, since }) => `${key} since ${since}`).sort(),
    quarantined: status.quarantined.map(({ unit }, at) => `${unit} since ${units[at]?.since}`),
    pausedUntil: status.paused?.until ?? null,
    pending: note.split('\n')[0] ?? '',
  };
}

/** Starts a build on what the one before has left, and says what of it is alive. */
async function startOn(rig: Rig, main: string): Promise<Alive> {
  rig.daemon.child.kill('SIGTERM');
  await rig.daemon.ended;
  rig.site.main = main;
  rig.daemon = await rig.site.start();
  await rig.time(
    () => rig.daemon.log().some(({ event, outcome }) => event === 'pass' && outcome === 'paused'),
    'a pass that touches nothing',
  );
  await rig.time(async () => (await alive(rig)).pausedUntil !== null, 'the pause');
  return alive(rig);
}

async function changeVersions(from: 'this one' | 'the one before'): Promise<DrillResult> {
  await using earlier = await earlierBuild();
  await using rig = await startRig({
    ...(from === 'this one' ? {} : { main: earlier.main }),
    haproxy: { mode: 'command', statsSocket: '', reloadCommand: ['./reload.sh'] },
    more: {
      template: './own/haproxy.cfg.njk',
      guard: { hold: '10m', window: `${WINDOW}ms` },
      apply: { mode: 'reload' },
    },
    async prepare(site) {
      await mkdir(path.join(site.folder, 'own'));
      await writeFile(path.join(site.folder, 'own', 'haproxy.cfg.njk'), TEMPLATE);
      await script(
        path.join(site.folder, 'reload.sh'),
        `[ -e ${site.folder}/fault ] && kill -9 $PPID && exit 1`,
        `[ -e ${site.folder}/haproxy.pid ] || exit 0`,
        `kill -USR2 $(cat ${site.folder}/haproxy.pid)`,
      );
      return undefined;
    },
  });
  await using stack = new AsyncDisposableStack();
  const { site } = rig;
  const members = [...(await startMembers('gone', ids('g', 2))), ...(await startMembers('shop', ['s0']))];
  const [late] = await startMembers('web', ['late']);
  const shop = members.find(({ id }) => id === 's0');
  if (!late || !shop) {
    throw new Error('they were not started');
  }
  for (const member of [...members, late]) {
    stack.use(member);
  }
  const fleet = { gone: members.filter((one) => one !== shop), shop, late };
  await bringAbout(rig, fleet);
  const loads = ['gone', 'shop'].map((host) => stack.use(startLoad(site.url, { host })));
  const before = await showProc(site.masterSocket);
  const file = await readFile(site.configPath, 'utf8');
  const builds = from === 'this one' ? [earlier.main, THIS, earlier.main] : [THIS, earlier.main, THIS];
  let first: Alive | undefined;
  for (const main of builds) {
    const now = await startOn(rig, main);
    first ??= now;
    hold(
      now.held.length === 2 &&
        /^instances of shop since \d+$/.test(now.quarantined.join()) &&
        /^[0-9a-f]{16}$/.test(now.pending),
      `all is alive: ${JSON.stringify(now)}`,
    );
    hold(JSON.stringify(now) === JSON.stringify(first), `it is what it was: ${JSON.stringify([first, now])}`);
    hold((await readFile(site.configPath, 'utf8')) === file, 'the file is left alone');
    const aside = (await inState(rig)).filter((name) => /\.(?:broken|foreign|v\d+)$/.test(name));
    hold(aside.length === 0, `nothing had to be set aside: ${aside}`);
  }
  hold((await showProc(site.masterSocket)).reloads === before.reloads, 'HAProxy was left alone');
  const begun = performance.now();
  hold((await site.run('resume')).code === 0, 'the pause is taken back');
  await rig.time(async () => isIn(await serversOf(rig))(late), 'the load that was owed');
  const ms = performance.now() - begun;
  await rig.time(async () => !(await inState(rig)).includes('pending'), 'the end of the note');
  await rig.settled();
  const { reloads } = await showProc(site.masterSocket);
  hold(reloads - before.reloads === 1, `it is one reload (${reloads - before.reloads})`);
  const { held, quarantined } = await alive(rig);
  hold(held.length === 2 && quarantined.length === 1, 'the others are alive still');
  const words = [...loads, rig.load].map(noFailures);
  hold((await site.run('release')).code === 0, 'the hold can be released');
  await rig.time(async () => !fleet.gone.some(isIn(await serversOf(rig))), 'the release');
  await rig.etcd.put(shop.key, shop.address);
  await rig.time(async () => (await alive(rig)).quarantined.length === 0, 'the end of the quarantine');
  return { ms, seen: words.join(', ') };
}

/** Changes of the version on a state folder in which everything is alive that may be. */
export const upgradeDrills: readonly Drill[] = (
  [
    ['the version before, then this one, back and this one again', 'the one before'],
    ['this version, then the one before, this one and the one before again', 'this one'],
  ] as const
).map(([name, from]) => ({
  name: `${name}, with a hold, a pause, a quarantine and an owed load alive`,
  promise: 'none of them lost or begun anew, nothing set aside, one reload at the end, 0 failed requests',
  run: () => changeVersions(from),
}));
