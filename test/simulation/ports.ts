import { PointsmanError, SourceError, SystemError } from '../../src/errors.ts';
import type { Entry } from '../../src/model/entry.ts';
import { covers } from '../../src/model/keys.ts';
import { NO_OTHER_FILES } from '../../src/plan/other-files.ts';
import type { ConfigFile } from '../../src/ports/config-file.ts';
import type { HaproxyControl, HaproxyState, ReloadOutcome } from '../../src/ports/haproxy.ts';
import type { Judge, Preflight } from '../../src/ports/judge.ts';
import type { ApplyOutcome, Batch, ReadBack, Runtime } from '../../src/ports/runtime.ts';
import type { Source, SourceEvent } from '../../src/ports/source.ts';
import type { BelievedStore, CrashFile, PauseNotes, PendingNote, StateFile } from '../../src/ports/stores.ts';
import type { Templates } from '../../src/ports/templates.ts';
import { heard } from '../../src/sources/heard.ts';
import { mergeSources } from '../../src/sources/merge-sources.ts';
import type { FakeStore, Transaction } from './fake-store.ts';
import { faultsOf, type serversOf } from './haproxy-text.ts';
import type { Life } from './life.ts';
import { BOTH, type Watcher } from './watcher.ts';
import { templateSet, type World } from './world.ts';

/** Everything that the core needs of the world, for one life of Pointsman. */
export interface Ports {
  readonly source: Source;
  readonly templates: Templates;
  readonly judge: Judge;
  readonly file: ConfigFile;
  readonly haproxy: HaproxyControl;
  readonly preflight: Preflight;
  readonly pending: PendingNote;
  readonly notes: PauseNotes;
  readonly runtime: Pick<Runtime, 'usable' | 'apply' | 'readBackAll' | 'hold'>;
  readonly quarantine: StateFile;
  readonly crashFile: CrashFile;
  readonly store: BelievedStore;
}

/** What ports work with. */
interface Around {
  readonly world: World;
  readonly life: Life;
  readonly watcher: Watcher;
}

/** The ports of one life: they fail, lag and lie as the world says, and say nothing any more once it is over. */
export function portsOf(around: Around): Ports {
  return {
    source: sourceOf(around),
    templates: templatesOf(around),
    judge: judgeOf(around),
    file: fileOf(around),
    haproxy: controlOf(around),
    preflight: preflightOf(around),
    pending: pendingOf(around),
    notes: notesOf(around),
    runtime: runtimeOf(around),
    quarantine: quarantineOf(around),
    crashFile: crashFileOf(around),
    store: storeOf(around),
  };
}

/** Each store is a source; what Pointsman gets of them, merged, is seen on its way. */
function sourceOf(around: Around): Source {
  const { world, watcher } = around;
  const merged = mergeSources(world.stores.all.map((store, place) => storeSource(around, store, place)));
  return {
    ...merged,
    async *watch(signal, known) {
      for await (const event of merged.watch(signal, known)) {
        if (event.kind === 'snapshot') {
          watcher.delivered(event.entries);
        } else if (event.kind === 'changes') {
          watcher.changed(event.changes);
        }
        yield event;
      }
    },
  };
}

function storeSource({ world, life, watcher }: Around, store: FakeStore, index: number): Source {
  const { time } = world;
  const of = { index, name: `store ${index + 1}` };
  const changed = (signal: AbortSignal) => life.until((wake) => store.onChange(wake), signal);
  const isRefused = (key: string) => store.refused !== null && covers(store.refused, key);
  async function* watch(signal: AbortSignal): AsyncGenerator<SourceEvent, void, undefined> {
    let wasLive = false;
    let told = '';
    let last: bigint | null = null as bigint | null;
    let epoch = store.epoch;
    let reread = store.rereads;
    while (!signal.aborted) {
      if (store.isCut) {
        const state = wasLive ? 'stale' : 'connecting';
        if (told !== state) {
          told = state;
          yield { kind: 'state', state, of, error: new SourceError('reading the store: nobody answers') };
        }
        await changed(signal);
        continue;
      }
      const isNew: boolean = last === null || epoch !== store.epoch || reread !== store.rereads;
      const missed: readonly Transaction[] | null = isNew || last === null ? null : store.since(last);
      if (missed === null) {
        await life.step('reading the store', () => undefined);
        epoch = store.epoch;
        reread = store.rereads;
        last = store.revision;
        const entries = store.entries.filter(({ key }) => !isRefused(key));
        const refused = store.refused === null ? [] : [store.refused];
        watcher.gave(index, entries, refused);
        yield { kind: 'snapshot', entries, revision: last, refused };
      } else {
        for (const { changes: all, revision } of missed) {
          last = revision;
          const changes = all.filter((one) => !isRefused(one.kind === 'put' ? one.entry.key : one.key));
          watcher.gaveChanges(index, changes);
          yield { kind: 'changes', changes, revision };
        }
      }
      wasLive = true;
      const state = store.refused === null ? 'live' : `not ${store.refused}`;
      if (told !== state) {
        told = state;
        const error = new SourceError(`reading the store: permission denied for ${store.refused}`);
        yield store.refused === null
          ? { kind: 'state', state: 'live', of }
          : { kind: 'state', state: 'stale', of, error, refused: [store.refused] };
      }
      const isBehind = epoch !== store.epoch || last !== store.revision || reread !== store.rereads;
      if (!isBehind && !store.isCut) {
        await changed(signal);
        await time.sleep(life.random.whole(1, 5), life);
      }
    }
  }
  const { optional = false } = world.stores.ranks[index] ?? {};
  return heard({ name: of.name, optional, read: async () => store.entries, watch }, index);
}

function templatesOf({ world, life }: Around): Templates {
  const read = () => {
    if (world.time.now < world.faults.templateMissing) {
      throw new SystemError('reading /templates: it is not there');
    }
    return templateSet(world.template);
  };
  return {
    read: () => life.step('reading the template', read),
    async *watch(signal) {
      while (!signal.aborted) {
        try {
          yield await life.step('reading the template', read);
        } catch (error) {
          if (!(error instanceof PointsmanError)) {
            throw error;
          }
          yield error;
        }
        await life.until((wake) => world.onTemplate(wake), signal);
      }
    },
  };
}

function judgeOf({ world, life, watcher }: Around): Judge {
  const { time, faults } = world;
  return {
    async check(fileText, signal) {
      world.mayHaveBug('check');
      await life.step('the check', () => undefined);
      await life.pause(time.now < faults.checkSlow ? 3000 : life.random.whole(10, 120), signal);
      if (time.now < faults.checkBroken) {
        return { kind: 'broken', message: 'running haproxy -c: it cannot be started' };
      }
      const found = time.now < faults.checkRefuses ? [NO_LINE] : faultsOf(fileText);
      watcher.judged(fileText, found.length === 0);
      if (found.length === 0) {
        return { kind: 'accepted', warnings: '' };
      }
      const output = found
        .map(({ line, words }) => {
          const place = line === 0 ? '' : ` parsing [/etc/haproxy/haproxy.cfg:${line}] :`;
          return `[ALERT]    (7) : config :${place} ${words}`;
        })
        .join('\n');
      return { kind: 'refused', output, lines: found.map(({ line }) => line).filter((line) => line > 0) };
    },
  };
}

const NO_LINE = { line: 0, words: "cannot open the file '/etc/ssl/site.pem'" };

function preflightOf({ world, life }: Around): Preflight {
  return {
    check: () =>
      life.step('the preflight', () =>
        world.time.now < world.faults.preflight
          ? { output: 'port 80 is taken by another program', lines: [] }
          : null,
      ),
    inTheWay: async () => null,
  };
}

function fileOf({ world, life, watcher }: Around): ConfigFile {
  const { disk, time } = world;
  /** What was read or published here last. */
  let known = -1;
  const path = '/etc/haproxy/haproxy.cfg';
  return {
    path,
    read: () =>
      life.step('reading the file', () => {
        known = disk.version;
        return disk.config;
      }),
    publish: (fileText) =>
      watcher.alone(life, BOTH, 'publish', () =>
        life.step('publishing', () => {
          world.mayHaveBug('publish');
          world.diskMayFail('early', path);
          const replaced = known === disk.version ? null : disk.config;
          watcher.publishes(fileText);
          world.replaceConfig(fileText);
          known = disk.version;
          world.diskMayFail('late', path);
          return replaced;
        }),
      ),
    keep: (fileText) =>
      life.step('keeping a version', () => {
        world.diskMayFail('early', 'versions');
        const at = disk.kept.indexOf(fileText);
        if (at >= 0) {
          disk.kept.splice(at, 1);
        }
        disk.kept.push(fileText);
      }),
    lastKept: () => life.step('reading the last version', () => disk.kept.at(-1) ?? null),
    async *watch(signal) {
      let seen = disk.version;
      while (!signal.aborted) {
        await life.rest(life.random.whole(200, 700), signal);
        if (disk.version !== known && disk.version !== seen && !signal.aborted) {
          seen = disk.version;
          yield;
        }
      }
    },
    keepEdit: (fileText) =>
      life.step('keeping an edit', () => {
        world.diskMayFail('early', 'hand-edits');
        disk.edits.push(fileText);
        return `/state/hand-edits/${time.date}.cfg`;
      }),
  };
}

function controlOf({ world, life, watcher }: Around): HaproxyControl {
  const { haproxy, mode } = world;
  let reloading = 0;
  const look = (): HaproxyState => {
    const { worker, version, reloads, failedReloads } = haproxy;
    if (mode === 'unseen') {
      return UNSEEN;
    }
    if (!haproxy.isUp || worker === null) {
      return { kind: 'away', cause: 'nobody answers on the master socket' };
    }
    const { pid, mark } = worker;
    return { kind: 'running', pid, mark, version, reloads, failedReloads, oldWorkers: 0 };
  };
  return {
    state: () => life.step('asking HAProxy', look),
    reload: (mark, signal) =>
      watcher.alone(life, BOTH, 'reload', async () => {
        reloading++;
        try {
          world.mayHaveBug('reload');
          return mode === 'unseen'
            ? await tellReload(world, life)
            : await reload(world, life, { mark, signal });
        } finally {
          reloading--;
        }
      }),
    async *watch(signal) {
      let last = '';
      while (!signal.aborted) {
        const state = reloading > 0 ? null : await life.step('following HAProxy', look);
        if (state && JSON.stringify(state) !== last && reloading === 0) {
          last = JSON.stringify(state);
          yield state;
        }
        if (reloading === 0 && JSON.stringify(look()) === last) {
          await life.until((wake) => haproxy.onChange(wake), signal);
        }
        await life.rest(life.random.whole(20, 350), signal);
      }
    },
    async [Symbol.asyncDispose]() {},
  };
}

const UNSEEN: HaproxyState = { kind: 'unseen' };

/** The command waits for the load and says how it went, as `systemctl reload` does; nobody says what runs. */
async function tellReload({ haproxy }: World, life: Life): Promise<ReloadOutcome> {
  const failed = { kind: 'failed', message: 'running the reload command: exit code 1' } as const;
  const told = await life.step('telling HAProxy to reload', () => {
    if (!haproxy.isUp) {
      haproxy.start();
      return haproxy.isUp ? 'started' : 'away';
    }
    return 'to be told';
  });
  if (told === 'away') {
    return failed;
  }
  const before = haproxy.worker?.pid;
  for (let tries = 0; told === 'to be told' && haproxy.requestReload('Pointsman') === 'lost'; tries++) {
    await life.pause(50);
    if (tries === 20) {
      return failed;
    }
  }
  while (haproxy.isLoading) {
    await life.pause(25);
  }
  const isNew = told === 'started' || (haproxy.worker !== null && haproxy.worker.pid !== before);
  return isNew ? { kind: 'unverified', log: '' } : failed;
}

async function reload(
  { haproxy }: World,
  life: Life,
  { mark, signal }: { readonly mark: string; readonly signal: AbortSignal },
): Promise<ReloadOutcome> {
  let message = 'its requests were lost';
  for (let tries = 1; tries <= 5; tries++) {
    const before = haproxy.worker?.pid;
    const failedBefore = haproxy.failedReloads;
    const asked = await life.step('asking HAProxy to reload', () =>
      haproxy.isUp ? haproxy.requestReload('Pointsman') : 'away',
    );
    if (asked === 'away') {
      return tries === 1
        ? { kind: 'away', cause: 'nobody answers on the master socket' }
        : { kind: 'failed', message: 'HAProxy is gone' };
    }
    do {
      await life.pause(25, signal);
    } while (haproxy.isLoading);
    await life.pause(50, signal);
    const { worker } = haproxy;
    if (!worker) {
      return { kind: 'failed', message: 'the new worker died, and HAProxy with it' };
    }
    if (worker.pid !== before && worker.mark === mark) {
      return { kind: 'verified', pid: worker.pid, tries, log: '' };
    }
    if (haproxy.failedReloads > failedBefore) {
      return { kind: 'failed', message: 'HAProxy goes on with what it had' };
    }
    message = worker.pid === before ? 'its requests were lost' : `worker ${worker.pid} runs ${worker.mark}`;
  }
  return { kind: 'failed', message };
}

function runtimeOf({ world, life, watcher }: Around): Ports['runtime'] {
  const { haproxy } = world;
  return {
    usable: () =>
      life.step('asking whether servers can be changed', () =>
        haproxy.isUp
          ? { kind: 'yes', version: haproxy.version, otherFiles: NO_OTHER_FILES }
          : { kind: 'away', cause: 'nobody answers on the stats socket' },
      ),
    apply: (batch, signal) =>
      watcher.alone(life, BOTH, 'apply', () => apply(world, life, { batch, signal, watcher })),
    readBackAll: ({ pid, servers }) =>
      life.step('reading the servers back', (): ReadBack => {
        const { worker } = haproxy;
        if (!worker) {
          return { kind: 'away', cause: 'nobody answers on the stats socket' };
        }
        if (worker.pid !== pid) {
          return { kind: 'moved', pid: worker.pid };
        }
        const differences = [...servers].flatMap(([backend, all]) =>
          [...all].flatMap(([name, { host, port }]) => {
            const found = worker.servers.get(backend)?.get(name)?.address;
            const isSame = found === `${host}:${port}`;
            return isSame ? [] : [`${backend}/${name} is ${found ?? 'not there'}`];
          }),
        );
        return differences.length > 0
          ? { kind: 'differs', differences }
          : { kind: 'same', servers: servers.size };
      }),
    hold: async () => {},
  };
}

async function apply(
  world: World,
  life: Life,
  {
    batch,
    signal,
    watcher,
  }: { readonly batch: Batch; readonly signal: AbortSignal; readonly watcher: Watcher },
): Promise<ApplyOutcome> {
  const { haproxy, faults } = world;
  world.mayHaveBug('apply');
  await life.step('the socket', () => undefined);
  const { worker } = haproxy;
  if (!haproxy.isUp || !worker) {
    return { kind: 'away', cause: 'nobody answers on the stats socket' };
  }
  if (worker.pid !== batch.expected.pid) {
    return { kind: 'surprise', reason: `the worker ${worker.pid} answers` };
  }
  if (worker.mark !== batch.expected.mark) {
    return { kind: 'surprise', reason: `it runs the text ${worker.mark}` };
  }
  const fault = faults.runTime.count > 0 ? faults.runTime.how : null;
  faults.runTime.count = Math.max(0, faults.runTime.count - 1);
  if (batch.commands.length > 0) {
    worker.mark = 'changing';
  }
  for (const [index, command] of batch.commands.entries()) {
    const said = await life.step('a command', () => {
      if (fault === 'is refused' || (fault === 'breaks off' && index > 0)) {
        return 'HAProxy says no';
      }
      return fault === 'does nothing' ? null : carryOut(worker.servers, command);
    });
    signal.throwIfAborted();
    if (said !== null) {
      return { kind: 'surprise', reason: said };
    }
  }
  if (haproxy.worker !== worker) {
    return { kind: 'surprise', reason: 'HAProxy was reloaded by somebody else' };
  }
  if (fault !== null && batch.commands.length > 0) {
    return { kind: 'surprise', reason: 'read back afterwards: it is not there' };
  }
  return life.step('the mark', () => {
    worker.mark = batch.mark;
    watcher.applied(worker);
    haproxy.touched();
    world.say(`HAProxy's worker ${worker.pid} runs ${batch.mark} after ${batch.commands.length} commands`);
    return { kind: 'applied', pid: worker.pid, commands: batch.commands.length, lingering: 0 };
  });
}

/** Null where it was done. */
function carryOut(servers: ReturnType<typeof serversOf>, command: Batch['commands'][number]): string | null {
  const backend = servers.get(command.backend);
  if (!backend) {
    return 'No such backend.';
  }
  const server = backend.get(command.server);
  switch (command.kind) {
    case 'add': {
      if (server) {
        return 'Already exists a server with the same name in backend.';
      }
      const weight = command.keywords.indexOf('weight');
      backend.set(command.server, {
        address: command.address,
        weight: weight < 0 ? 1 : Number(command.keywords[weight + 1]),
      });
      return null;
    }
    case 'remove':
      return backend.delete(command.server) ? null : 'No such server.';
    case 'address':
    case 'weight':
      if (!server) {
        return 'No such server.';
      }
      backend.set(
        command.server,
        command.kind === 'weight'
          ? { ...server, weight: command.weight }
          : { ...server, address: `${command.host}:${command.port}` },
      );
      return null;
    case 'state':
      return server ? null : 'No such server.';
  }
}

function pendingOf({ world, life }: Around): PendingNote {
  const { disk } = world;
  return {
    read: () => life.step('reading what is pending', () => disk.pending),
    write: (mark) =>
      life.step('noting what is pending', () => {
        world.diskMayFail('early', 'pending');
        disk.pending = mark;
      }),
    clear: () =>
      life.step('clearing what is pending', () => {
        world.diskMayFail('early', 'pending');
        disk.pending = null;
      }),
  };
}

function notesOf({ world }: Around): PauseNotes {
  const { disk, time } = world;
  return {
    read: async () =>
      disk.pause && disk.pause.until > time.date ? { until: disk.pause.until, by: 'pointsman pause' } : null,
    tell: async (held) => {
      disk.paused = held;
    },
    takenBackBy: async () => null,
    firstSeen: async (ids, now) => {
      disk.pauseKeys = new Map(ids.map((id) => [id, disk.pauseKeys.get(id) ?? now]));
      return disk.pauseKeys;
    },
  };
}

function quarantineOf({ world, life, watcher }: Around): StateFile {
  const { disk } = world;
  return {
    path: '/state/quarantine.json',
    read: () => life.step('reading what is set aside', () => disk.quarantine),
    write: (text) =>
      watcher.alone(life, 'quarantine.json', 'write', () =>
        life.step('writing what is set aside', () => {
          world.mayHaveBug('state');
          world.diskMayFail('early', 'quarantine.json');
          disk.quarantine = text;
          world.diskMayFail('late', 'quarantine.json');
        }),
      ),
  };
}

function crashFileOf({ world, life }: Around): CrashFile {
  return {
    keep: () =>
      life.step('keeping a crash', () => {
        world.diskMayFail('early', 'crash');
        world.disk.crashes++;
        return '/state/crash';
      }),
  };
}

function storeOf({ world, life, watcher }: Around): BelievedStore {
  const { disk } = world;
  return {
    load: () => life.step('reading the cache', () => ({ tree: disk.tree, holds: disk.holds, words: [] })),
    saveTree: (tree) =>
      watcher.alone(life, 'the cache', 'write', () => {
        const [written, known] = [{ ...tree, entries: copyOf(tree.entries) }, watcher.known];
        return life.step('writing the cache', () => {
          world.diskMayFail('early', 'tree');
          [disk.tree, disk.known] = [written, known];
        });
      }),
    saveHolds: (holds) =>
      watcher.alone(life, 'the holds', 'write', () => {
        const written = [...holds];
        return life.step('writing the holds', () => {
          world.diskMayFail('early', 'holds');
          disk.holds = written;
        });
      }),
    releaseAsked: async () => (disk.releaseAsked ? '' : null),
    releaseDone: async () => {
      disk.releaseAsked = false;
    },
  };
}

function copyOf(entries: readonly Entry[]): readonly Entry[] {
  return [...entries];
}
