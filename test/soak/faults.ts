import { appendFile, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { cli } from '../support/haproxy.ts';
import { reloadAsStranger } from '../support/strangers-reload.ts';
import { Deck, type Random } from './random.ts';
import { compact } from './store.ts';
import { TEMPLATE, type World } from './world.ts';

/** Something that goes wrong, and is over when `make` is done. */
interface Fault {
  readonly name: string;
  make(world: World, random: Random): Promise<void>;
}

const BROKEN_TEMPLATES = [
  `${TEMPLATE}{% if %}`,
  TEMPLATE.replace('getv("/haproxy/note", "no note")', 'nosuchthing'),
  TEMPLATE.replace('spread-checks', 'spred-cheks'),
  '',
];

/** Killing it ends the life whose memory is measured. */
const KILL = 'Pointsman killed with -9';

const FAULTS: readonly Fault[] = [
  { name: 'etcd killed with -9', make: ({ store }, random) => store.killed(random.int(0, 3000)) },
  { name: 'etcd frozen', make: ({ store }, random) => store.frozen(random.int(300, 5000)) },
  { name: 'etcd compacted', make: ({ store }) => compact(store.etcd) },
  {
    name: 'etcd away, changed and compacted meanwhile',
    make: ({ store }) =>
      store.killed(100, async (other) => {
        await other.put('/haproxy/note', 'written while away');
        await compact(other);
      }),
  },
  {
    name: KILL,
    async make(world, random) {
      world.daemon.child.kill('SIGKILL');
      await world.daemon.ended;
      await sleep(random.int(0, 1500));
      world.daemon = await world.site.start();
      await world.daemon.ready().catch((error) => world.story.problem(`not ready after a restart: ${error}`));
    },
  },
  {
    name: 'Pointsman frozen',
    async make({ daemon }, random) {
      daemon.child.kill('SIGSTOP');
      await sleep(random.int(300, 4000));
      daemon.child.kill('SIGCONT');
    },
  },
  {
    name: 'paused by a person',
    async make({ site, story }, random) {
      const paused = await site.run('pause', '--for', `${random.int(2, 30)}s`);
      await sleep(random.int(300, 3000));
      const resumed = await site.run('resume');
      // On a busy machine a change can be under way for longer than that.
      for (const { code, stderr } of [paused, resumed]) {
        if (code !== 0 && !stderr.includes('has not answered')) {
          story.problem(`pause or resume ended with ${code}: ${stderr}`);
        }
      }
    },
  },
  {
    name: 'a reload of HAProxy by a stranger',
    async make({ haproxy, site }) {
      await reloadAsStranger(haproxy.pid, site.masterSocket);
      await sleep(200);
    },
  },
  { name: 'a server pointed elsewhere by hand', make: pointElsewhere },
  {
    name: 'the file edited by hand',
    async make({ site }, random) {
      const way = random.pick(['comment', 'garbage', 'deleted', 'weights'] as const);
      if (way === 'comment') {
        await appendFile(site.configPath, '# by hand\n');
      }
      if (way === 'garbage') {
        await appendFile(site.configPath, 'this is no configuration\n');
      }
      if (way === 'deleted') {
        await rm(site.configPath, { force: true });
      }
      if (way === 'weights') {
        const text = await readFile(site.configPath, 'utf8').catch(() => null);
        if (text !== null) {
          await writeFile(site.configPath, text.replace(/ check$/gm, ' check weight 7'));
        }
      }
      await sleep(500);
    },
  },
  {
    name: 'the template edited',
    async make({ template }, random) {
      const way = random.pick(['time', 'comment', 'output'] as const);
      if (way === 'time') {
        await utimes(template, new Date(), new Date());
      }
      if (way === 'comment') {
        await writeFile(template, `${TEMPLATE}{# ${random.int(1, 999)} #}\n`);
      }
      if (way === 'output') {
        await writeFile(template, TEMPLATE.replace('# {{', `# ${random.int(1, 999)} {{`));
      }
    },
  },
  {
    name: 'the template broken and mended',
    async make({ template }, random) {
      await writeFile(template, random.pick(BROKEN_TEMPLATES) ?? '');
      await sleep(random.int(500, 3000));
      await writeFile(template, TEMPLATE);
    },
  },
  {
    name: 'an instance dies without a word',
    async make({ fleet, lasting }, random) {
      const name = random.pick(lasting.filter((one) => one !== 'tcp')) ?? '';
      await fleet.die(fleet.service(name), random.int(500, 4000));
    },
  },
];

const HEALED = 60_000;

/**
 * Points a server at another instance of its service behind Pointsman's back, as `socat` would. It is over when the
 * server is back where it belongs.
 */
async function pointElsewhere(
  { site, fleet, lasting, outlook, story }: World,
  random: Random,
): Promise<void> {
  const name = random.pick(lasting) ?? '';
  const { instances } = fleet.service(name);
  const [one, other] = random.shuffled([...instances.values()]);
  if (!one || !other) {
    return;
  }
  const { port } = other.listener;
  // HAProxy may be in the middle of a reload, and then this is lost with the worker of before.
  const set = `set server be_${name}/${one.id} addr 127.0.0.1 port ${port}`;
  await cli(site.statsSocket, set).catch(() => undefined);
  const back = await outlook.until(
    ({ file, rows }) =>
      !file.includes(` server ${one.id} `) ||
      rows.some(({ server, port: now }) => server === one.id && now === one.listener.port),
    HEALED,
  );
  if (!back) {
    story.problem(`${name}/${one.id} was pointed elsewhere by hand and was not put right`);
  }
}

/**
 * Makes one fault after the other until `signal` aborts; each is healed then. Pointsman is killed only until
 * `killsUntil` (seconds of the story), so that one life of it is long enough to see it grow.
 */
export async function doFaults(
  world: World,
  options: { readonly killsUntil: number; readonly signal: AbortSignal },
): Promise<void> {
  const random = world.random.fork();
  const deck = new Deck(FAULTS, random);
  const { story } = world;
  while (!options.signal.aborted) {
    const fault = deck.deal(({ name }) => name !== KILL || story.now < options.killsUntil);
    const its = random.fork();
    if (fault) {
      await story
        .fault(fault.name, () => fault.make(world, its))
        .catch((error) => story.problem(`${fault.name}: ${String(error)}`));
    }
    await sleep(random.int(200, 2000));
  }
}
