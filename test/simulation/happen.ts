import type { Action } from './actions.ts';
import type { Watcher } from './watcher.ts';
import type { World } from './world.ts';

/** What an action changes. */
export interface Stage {
  readonly world: World;
  readonly watcher: Watcher;
  readonly kill: (how: Extract<Action, { kind: 'kill' }>) => void;
  readonly terminate: (ms: number) => void;
}

/** Makes an action happen. */
export function happen<K extends Action['kind']>(action: Action & { readonly kind: K }, on: Stage): void {
  (ACTIONS[action.kind] as (action: Action, on: Stage) => void)(action, on);
}

type Happens<A extends Action> = (action: A, on: Stage) => void;

const ACTIONS: { readonly [K in Action['kind']]: Happens<Extract<Action, { kind: K }>> } = {
  write: ({ keys, place }, { world }) => world.stores.write(new Map(keys), place),
  vanish: ({ service }, { world }) => {
    const prefix = service === null ? '/services/' : `/services/${service}/`;
    world.stores.delete(({ key }) => key.startsWith(prefix));
  },
  wipe: ({ ms, place }, { world: { stores, time, say } }) => {
    for (const store of stores.at(place)) {
      const before = store.entries;
      store.wipe();
      time.after(ms, () => {
        say('> what was registered is registered again');
        const missing = before.filter(({ key }) => !store.get(key));
        store.write(new Map(missing.map(({ key, value }) => [key, value])));
      });
    }
  },
  cut: ({ ms, resume, place }, { world: { stores, time } }) => {
    for (const store of stores.at(place)) {
      store.cut(true);
      time.after(ms, () => store.cut(false));
      store.rereads += resume ? 0 : 1;
    }
  },
  reread: (_, { world: { stores } }) => {
    for (const store of stores.all) {
      store.reread();
    }
  },
  refuse: ({ prefix, ms, place }, { world: { stores, time } }) => {
    for (const store of stores.at(place)) {
      store.refuse(prefix);
      time.after(ms, () => store.refuse(null));
    }
  },
  template: ({ variant }, { world }) => world.setTemplate(variant),
  'template missing': ({ ms }, { world }) => {
    world.faults.templateMissing = world.time.now + ms;
    world.templateTouched();
    world.time.after(ms, () => world.templateTouched());
  },
  edit: ({ how }, { world, watcher }) => {
    const text = how === 'foreign' ? 'global\n  maxconn 7\n' : `${world.disk.config ?? ''}# edited\n`;
    if (how !== 'remove') {
      watcher.foreign(text);
    }
    world.replaceConfig(how === 'remove' ? null : text);
  },
  "stranger's reload": (_, { world: { haproxy, mode } }) => {
    if (haproxy.isUp && mode !== 'file') {
      haproxy.requestReload('a stranger');
    }
  },
  tamper: (_, { world: { haproxy, mode } }) => {
    const { worker } = haproxy;
    const [backend] = [...(worker?.servers ?? [])].filter(([, servers]) => servers.size > 0);
    const [server] = backend ? [...backend[1]] : [];
    if (worker && backend && server && mode === 'seen') {
      worker.isTampered = true;
      backend[1].set(server[0], { ...server[1], address: '192.0.2.1:1' });
    }
  },
  'HAProxy ends': ({ ms }, { world: { haproxy, mode } }) => {
    if (mode !== 'file') {
      haproxy.kill(ms);
    }
  },
  loads: ({ how, count }, { world: { haproxy } }) => {
    const field = ({ fail: 'failing', 'get lost': 'losing', kill: 'deadly' } as const)[how];
    haproxy[field] = count;
  },
  'the check': ({ how, ms }, { world: { faults, time } }) => {
    const field = ({ broken: 'checkBroken', slow: 'checkSlow', refuses: 'checkRefuses' } as const)[how];
    faults[field] = time.now + ms;
  },
  preflight: ({ ms }, { world: { faults, time } }) => {
    faults.preflight = time.now + ms;
  },
  'the disk': ({ how, ms }, { world: { faults, time } }) => {
    faults.disk = { until: time.now + ms, how };
  },
  'run time': ({ how, count }, { world: { faults } }) => {
    faults.runTime = { how, count };
  },
  bug: ({ port }, { world: { faults }, watcher }) => {
    watcher.bugs++;
    faults.bug = port;
  },
  kill: (action, { kill }) => kill(action),
  terminate: ({ ms }, { terminate }) => terminate(ms),
  pause: ({ ms }, { world: { disk, time } }) => {
    disk.pause = { since: time.now, until: time.date + ms };
  },
  resume: (_, { world: { disk } }) => {
    disk.pause = null;
  },
  release: (_, { world: { disk }, watcher }) => {
    disk.releaseAsked = true;
    watcher.released();
  },
  clock: ({ by }, { world: { time, disk }, watcher }) => {
    time.shift += by;
    watcher.clockSet();
    // A pause that was over may hold again.
    disk.pause = disk.pause && { ...disk.pause, since: time.now };
  },
};
