import type { Random } from './random.ts';

/** What happens to Pointsman from outside. Durations in milliseconds. */
export type Action =
  /** Keys are written, or deleted where the value is null, in one transaction: of the source at `place`, or each where it is at home. */
  | {
      readonly kind: 'write';
      readonly keys: readonly (readonly [string, string | null])[];
      readonly place?: number;
    }
  /** Every instance that is registered goes, of one service or (null) of all. */
  | { readonly kind: 'vanish'; readonly service: string | null }
  /** The store (the one at `place`, or each) begins anew with nothing, and after so long all register again. */
  | { readonly kind: 'wipe'; readonly ms: number; readonly place?: number }
  /** The store cannot be reached. `resume`: nothing of what happens meanwhile is lost, else all is read anew. */
  | { readonly kind: 'cut'; readonly ms: number; readonly resume: boolean; readonly place?: number }
  /** Nothing below a prefix of a store may be read. */
  | { readonly kind: 'refuse'; readonly prefix: string; readonly ms: number; readonly place: number }
  /** All is read once more, though nothing was cut. */
  | { readonly kind: 'reread' }
  | { readonly kind: 'template'; readonly variant: TemplateVariant }
  /** The template cannot be read. */
  | { readonly kind: 'template missing'; readonly ms: number }
  /** Somebody edits the file by hand: another text, or (null) it is removed. */
  | { readonly kind: 'edit'; readonly how: 'append' | 'foreign' | 'remove' }
  | { readonly kind: "stranger's reload" }
  /** Somebody moves a server by the Runtime API. */
  | { readonly kind: 'tamper' }
  | { readonly kind: 'HAProxy ends'; readonly ms: number }
  /** So many of the next loads: fail over something that no check sees, get lost, or end HAProxy. */
  | { readonly kind: 'loads'; readonly how: 'fail' | 'get lost' | 'kill'; readonly count: number }
  /** `refuses`: whatever it is asked about, over something that is in no text. */
  | { readonly kind: 'the check'; readonly how: 'broken' | 'slow' | 'refuses'; readonly ms: number }
  | { readonly kind: 'preflight'; readonly ms: number }
  /** Writing in stateDir or the file's folder fails; `late`: after it was done. */
  | { readonly kind: 'the disk'; readonly ms: number; readonly how: 'early' | 'late' }
  /** The next so many batches of changes at run time. */
  | {
      readonly kind: 'run time';
      readonly how: 'breaks off' | 'is refused' | 'does nothing';
      readonly count: number;
    }
  /** The next call of a port throws what is a bug. */
  | { readonly kind: 'bug'; readonly port: BugPort }
  /**
   * Pointsman is killed at its so manieth step from now on, or of those at the same thing (`publishing`: 0 is before, 1 after the
   * next one), and starts again after `ms`.
   */
  | { readonly kind: 'kill'; readonly steps: number; readonly at?: string; readonly ms: number }
  | { readonly kind: 'terminate'; readonly ms: number }
  | { readonly kind: 'pause'; readonly ms: number }
  | { readonly kind: 'resume' }
  | { readonly kind: 'release' }
  /** The machine's clock is set. */
  | { readonly kind: 'clock'; readonly by: number };

/** What a template folder holds. */
export type TemplateVariant = 'first' | 'second' | 'broken' | 'refused' | 'failing';

/** Where a bug can be. */
export type BugPort = 'check' | 'apply' | 'reload' | 'publish' | 'state';

/** An action and when it happens. */
export interface Timed {
  readonly at: number;
  readonly action: Action;
}

/** Steps after which the disk and HAProxy may say different things. */
const MOMENTS = [
  'publishing',
  'publishing',
  'noting what is pending',
  'telling HAProxy to reload',
  'asking HAProxy to reload',
  'a command',
  'the mark',
  'writing what is set aside',
  'writing the holds',
  'writing the cache',
];

/** A key that asks the fleet for a pause. */
export const PAUSE_KEY = '/haproxy/pointsman/pause';

/** The services of this fleet. */
export const SERVICES: readonly string[] = ['web', 'api', 'db', 'mail'];
const IDS = ['a', 'b', 'c', 'd', 'e'];

/** A registration as this fleet writes it. */
export function instanceKey(service: string, id: string): string {
  return `/services/${service}/${id}`;
}

/** What a seed does to Pointsman: 3 to 60 things. Where little happens, nothing later heals what went wrong. */
export function actionsOf(random: Random): readonly Timed[] {
  const count = random.pick([3, 5, 8, 15, 30, 60]);
  const seconds = Math.ceil(count * random.pick([0.2, 0.7, 1.5])) + 3;
  // Some seeds have no faults, most have faults of a few kinds.
  const kinds = weightsOf(random);
  const actions: Timed[] = [{ at: 0, action: firstKeys(random) }];
  for (let index = 0; index < count; index++) {
    const at = random.whole(0, seconds * 1000);
    actions.push({ at, action: oneOf(random, kinds) });
    // What comes in bursts meets what is under way.
    for (let more = random.chance(0.3) ? random.whole(1, 3) : 0; more > 0; more--) {
      actions.push({ at: at + random.whole(0, 400), action: oneOf(random, kinds) });
    }
  }
  actions.push(...pauseKeys(random.stream('pause keys'), seconds * 1000));
  return actions.sort((one, other) => one.at - other.at);
}

/** In some seeds the fleet is asked to pause. */
function pauseKeys(random: Random, ms: number): readonly Timed[] {
  const count = random.chance(0.15) ? random.whole(1, 3) : 0;
  return Array.from({ length: count }, () => {
    const value = random.pick(['1s', '10s', '30s', 'soon', null]);
    return { at: random.whole(0, ms), action: { kind: 'write', keys: [[PAUSE_KEY, value]] } };
  });
}

/** In a world of several sources: one of them gives nothing, or not all, most often around a start, and the others go on. */
export function sourceActionsOf(random: Random, { sources, ms }: { sources: number; ms: number }): Timed[] {
  const scene = (): Timed[] => {
    const at = random.whole(2000, ms);
    const place = random.whole(0, sources - 1);
    const long = random.pick([2000, 8000, 30_000]);
    const actions = random.chance(0.25)
      ? overlay(random, { at, place, ms: long })
      : [{ at, action: sourceFault(random, place, long) }];
    if (random.chance(0.7)) {
      const restart = random.pick([0, 100, 3000]);
      const how: Action = random.chance(0.5)
        ? { kind: 'terminate', ms: restart }
        : { kind: 'kill', steps: random.pick([0, random.whole(0, 15)]), ms: restart };
      actions.push({ at: at + random.whole(-2000, 1000), action: how });
    }
    for (let count = random.whole(0, 3); count > 0; count--) {
      const kind = random.pick(['register', 'change', 'leave', 'route', 'spoil'] as const);
      actions.push({ at: at + random.whole(-1000, 10_000), action: actionOf(random, kind) });
    }
    return actions;
  };
  return Array.from({ length: random.whole(1, 3) }, scene).flat();
}

/** A key that another source has too: while it is there, what the other one says of it may change. */
function overlay(
  random: Random,
  { at, place, ms }: { readonly at: number; readonly place: number; readonly ms: number },
): Timed[] {
  const key = instanceKey(random.pick(SERVICES), random.pick(IDS));
  const some = () => value(random, address(random));
  const write = (text: string | null, of?: number): Action => ({
    kind: 'write',
    keys: [[key, text]],
    ...(of === undefined ? {} : { place: of }),
  });
  return [
    { at: at - random.whole(0, 2000), action: write(some()) },
    { at, action: write(some(), place) },
    { at: at + random.whole(0, ms), action: write(random.chance(0.3) ? null : some()) },
    { at: at + ms, action: write(null, random.chance(0.7) ? place : undefined) },
  ];
}

/** A source is silent, may not be read in part, or is empty. */
function sourceFault(random: Random, place: number, ms: number): Action {
  const kind = random.weighted({ cut: 4, refuse: 3, wipe: 2 });
  switch (kind) {
    case 'cut':
      return { kind, ms, place, resume: random.chance(0.5) };
    case 'refuse':
      return { kind, ms, place, prefix: random.pick(['/services', '/routes', '/haproxy']) };
    case 'wipe':
      return { kind, ms, place };
  }
}

const WEIGHTS = {
  register: 30,
  change: 20,
  leave: 12,
  move: 6,
  route: 6,
  key: 5,
  spoil: 9,
  mend: 6,
  deploy: 3,
  vanish: 2,
  wipe: 0.5,
  cut: 3,
  reread: 1,
  template: 3,
  'template missing': 1,
  edit: 3,
  "stranger's reload": 3,
  tamper: 1.5,
  'HAProxy ends': 3,
  loads: 4,
  'the check': 4,
  preflight: 1.5,
  'the disk': 3,
  'run time': 3,
  bug: 1.5,
  kill: 8,
  terminate: 2,
  pause: 1.5,
  resume: 1,
  release: 1,
  clock: 0.5,
};

const ALWAYS = new Set(['register', 'change', 'leave', 'move', 'route', 'key']);

function weightsOf(random: Random): typeof WEIGHTS {
  const share = random.pick([0, 0.2, 0.4, 0.7, 1]);
  const entries = Object.entries(WEIGHTS).map(([kind, weight]) => {
    const isIn = ALWAYS.has(kind) || random.chance(share);
    return [kind, isIn ? weight : 0] as const;
  });
  return Object.fromEntries(entries) as typeof WEIGHTS;
}

function firstKeys(random: Random): Action {
  const keys = new Map<string, string | null>();
  for (let count = random.whole(0, 10); count > 0; count--) {
    const [service, id] = [random.pick(SERVICES), random.pick(IDS)];
    keys.set(instanceKey(service, id), value(random, addressOf(service, id)));
  }
  return { kind: 'write', keys: [...keys] };
}

function oneOf(random: Random, weights: typeof WEIGHTS): Action {
  return actionOf(random, random.weighted(weights));
}

function actionOf(random: Random, kind: keyof typeof WEIGHTS): Action {
  const [service, id] = [random.pick(SERVICES), random.pick(IDS)];
  const key = instanceKey(service, id);
  const at = addressOf(service, id);
  const one = (name: string, text: string | null): Action => ({ kind: 'write', keys: [[name, text]] });
  switch (kind) {
    case 'register':
      return one(key, value(random, at));
    case 'change':
      return one(key, value(random, random.chance(0.5) ? at : address(random)));
    case 'leave':
      return one(key, null);
    case 'move': {
      const [other, another] = [random.pick(SERVICES), random.pick(IDS)];
      const moved = instanceKey(other, another);
      return {
        kind: 'write',
        keys:
          moved === key
            ? [[key, at]]
            : [
                [key, null],
                [moved, at],
              ],
      };
    }
    case 'route':
      return one(`/routes/${service}`, random.chance(0.3) ? null : route(random));
    case 'key':
      return one('/haproxy/maxconn', random.chance(0.2) ? null : String(random.whole(100, 9999)));
    case 'spoil':
      return spoil(random, { service, key, at });
    case 'mend':
      return random.chance(0.5) ? one(key, value(random, at)) : one(`/routes/${service}`, route(random));
    case 'deploy':
      return {
        kind: 'write',
        keys: IDS.map((each) => [
          instanceKey(service, each),
          random.chance(0.5) ? null : value(random, address(random)),
        ]),
      };
    case 'vanish':
      return { kind, service: random.chance(0.6) ? service : null };
    case 'wipe':
      return { kind, ms: random.whole(500, 40_000) };
    case 'cut':
      return { kind, ms: random.pick([200, 2000, 8000, 20_000]), resume: random.chance(0.5) };
    case 'template':
      return { kind, variant: random.pick(['first', 'second', 'broken', 'refused', 'failing']) };
    case 'template missing':
    case 'preflight':
      return { kind, ms: random.whole(200, 10_000) };
    case 'edit':
      return { kind, how: random.pick(['append', 'foreign', 'remove']) };
    case 'reread':
    case "stranger's reload":
    case 'tamper':
    case 'resume':
    case 'release':
      return { kind };
    case 'HAProxy ends':
      return { kind, ms: random.pick([300, 2000, 10_000, 30_000]) };
    case 'loads':
      return { kind, how: random.pick(['fail', 'fail', 'get lost', 'kill']), count: random.whole(1, 3) };
    case 'the check':
      return random.chance(0.4)
        ? { kind, how: random.pick(['broken', 'slow']), ms: random.whole(500, 15_000) }
        : { kind, how: 'refuses', ms: random.pick([2000, 40_000, 60_000]) };
    case 'the disk':
      return { kind, ms: random.whole(300, 10_000), how: random.pick(['early', 'early', 'late']) };
    case 'run time':
      return {
        kind,
        how: random.pick(['breaks off', 'is refused', 'does nothing']),
        count: random.whole(1, 2),
      };
    case 'bug':
      return { kind, port: random.pick(['check', 'apply', 'reload', 'publish', 'state']) };
    case 'kill': {
      const ms = random.pick([0, 50, 1000, 5000]);
      return random.chance(0.5)
        ? { kind, steps: random.pick([random.whole(0, 15), random.whole(0, 60)]), ms }
        : { kind, steps: random.whole(0, 1), at: random.pick(MOMENTS), ms };
    }
    case 'terminate':
      return { kind, ms: random.pick([0, 100, 3000]) };
    case 'pause':
      return { kind, ms: random.pick([1000, 10_000, 30_000]) };
    case 'clock':
      return { kind, by: random.pick([-3_600_000, -20_000, 20_000, 3_600_000]) };
  }
}

/** Each has an address of its own, so that two seldom claim the same. */
function addressOf(service: string, id: string): string {
  return `10.${SERVICES.indexOf(service)}.0.${IDS.indexOf(id) + 1}:8080`;
}

function address(random: Random): string {
  return `10.9.0.${random.whole(1, 250)}:${random.pick([80, 8080])}`;
}

function value(random: Random, at: string): string {
  const [host = '', port = ''] = at.split(':');
  const form = random.weighted({ plain: 6, weight: 2, drain: 1, option: 1 });
  switch (form) {
    case 'plain':
      return at;
    case 'weight':
      return JSON.stringify({ host, port: Number(port), weight: random.whole(0, 256) });
    case 'drain':
      return JSON.stringify({ host, port: Number(port), drain: true });
    case 'option':
      return JSON.stringify({ host, port: Number(port), opt: random.pick(['check', 'backup']) });
  }
}

function route(random: Random): string {
  const balance = random.pick(['roundrobin', 'leastconn', 'first', 'source']);
  return JSON.stringify(random.chance(0.5) ? { balance } : { balance, timeouts: { server: '30s' } });
}

function spoil(random: Random, on: { service: string; key: string; at: string }): Action {
  const { service, key, at } = on;
  const [host = '', port = ''] = at.split(':');
  const json = (more: object) => JSON.stringify({ host, port: Number(port), ...more });
  const how = random.weighted({
    grammar: 2,
    check: 4,
    template: 3,
    route: 2,
    key: 1,
    together: 1.5,
    late: 2,
  });
  switch (how) {
    case 'grammar':
      return { kind: 'write', keys: [[key, 'nothing of ours']] };
    case 'check':
      return { kind: 'write', keys: [[key, json({ opt: 'bogus' })]] };
    case 'template':
      return { kind: 'write', keys: [[key, json({ slots: 'many' })]] };
    case 'route':
      return { kind: 'write', keys: [[`/routes/${service}`, JSON.stringify({ meta: { line: 'bogus' } })]] };
    case 'key':
      return { kind: 'write', keys: [['/haproxy/maxconn', random.pick(['many', 'bogus'])]] };
    case 'together':
      return { kind: 'write', keys: [[key, json({ opt: 'cookie twin' })]] };
    // HAProxy takes it at run time.
    case 'late':
      return { kind: 'write', keys: [[key, json({ opt: 'maxqueue 13013' })]] };
  }
}
