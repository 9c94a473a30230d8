import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { type Backend, type Load, request, startBackend, startLoad, waitFor } from '../support/haproxy.ts';
import type { Drill } from './drill.ts';
import { hold, noFailures, type Rig, startRig } from './rig.ts';

/** A good value and what it is overwritten with, of a service with one instance. */
interface Overwriting {
  readonly backend: Backend;
  /** Where requests for it go. */
  readonly host: string;
  readonly key: string;
  readonly good: string;
  /** Another one in each round. */
  readonly bad: (round: number) => string;
}

/** Each kind of value that is refused by itself. */
const KINDS: Readonly<Record<string, (address: string) => Omit<Overwriting, 'backend' | 'host'>>> = {
  field: (address) => ({
    ...instanceOf('field', address),
    bad: (round) => json(address, { weight: heavy(round) }),
  }),
  empty: (address) => ({ ...instanceOf('empty', address), bad: () => '' }),
  broken: (address) => ({
    ...instanceOf('broken', address),
    bad: (round) => json(address, { meta: { round } }).replace('}}', '},}'),
  }),
  large: (address) => ({
    ...instanceOf('large', address),
    bad: (round) => json(address, { meta: { round, more: 'x'.repeat(LIMIT) } }),
  }),
  route: () => ({
    key: '/routes/route',
    good: '{"hosts":["route.test"]}',
    bad: (round) => `{"hosts":["route.test"],"paths":${round}}`,
  }),
};
/** `limits.valueBytes` */
const LIMIT = 4096;

const heavy = (round: number) => `heavy-${round}`;

/** When Pointsman is killed. */
interface Moment {
  readonly name: string;
  /** Resolves when it is to be killed; some of the values are overwritten by then. `after`: the lines of its log before that. */
  reached(rig: Rig, round: number, after: number): Promise<unknown>;
}

const inCache = (rig: Rig, text: string) => async () =>
  (await readFile(path.join(rig.site.folder, 'state', 'tree'), 'utf8').catch(() => '')).includes(text);

const MOMENTS: readonly Moment[] = [
  { name: 'when the first one is kept', reached: (rig, _, after) => rig.event('keys-kept', after) },
  { name: 'as it is written', reached: async () => {} },
  {
    name: 'when it lies in the cache',
    reached: (rig, round) =>
      waitFor(inCache(rig, heavy(round)), { what: 'the bad value in the cache', timeout: 30_000 }),
  },
];

function instanceOf(service: string, address: string) {
  return { key: `/services/${service}/one`, good: address };
}

function json(address: string, more: object): string {
  const [host = '', port = ''] = address.split(':');
  return JSON.stringify({ host, port: Number(port), ...more });
}

/** All values are overwritten, and Pointsman is killed in the middle. Gives how long the next start takes to keep them all. */
async function overwrite(rig: Rig, all: readonly Overwriting[], round: number): Promise<number> {
  const { etcd } = rig;
  const [moment, after] = [MOMENTS[round % MOMENTS.length] as Moment, rig.daemon.log().length];
  const middle = Math.ceil(all.length / 2);
  for (const { key, bad } of all.slice(0, middle)) {
    await etcd.put(key, bad(round));
  }
  await moment.reached(rig, round, after);
  rig.daemon.child.kill('SIGKILL');
  await rig.daemon.ended;
  for (const { key, bad } of all.slice(middle)) {
    await etcd.put(key, bad(round));
  }
  rig.daemon = await rig.site.start();
  const keys = all.map(({ key }) => key).sort();
  /** Null where nobody says, on a busy machine. */
  const keptKeys = async () => {
    const status = await rig.daemon.status().catch(() => null);
    return (status?.kept as readonly { key: string }[] | undefined)?.map(({ key }) => key).sort() ?? null;
  };
  const ms = await rig.time(
    async () => String(await keptKeys()) === String(keys),
    `the kept keys, killed ${moment.name}`,
    30_000,
  );
  // What is written next goes out, and they are in the same text.
  const name = `next-${round}`;
  await using next = await startBackend(name);
  await etcd.put(`/services/${name}/one`, next.address);
  const isOut = async () => (await answerOf(rig, name)) === name;
  await waitFor(isOut, { what: 'the next change', timeout: 30_000 });
  for (const { backend, host } of all) {
    const found = await answerOf(rig, host);
    hold(found === backend.name, `${backend.name} is served, killed ${moment.name}: it is ${found}`);
  }
  for (const { key, good } of all) {
    await etcd.put(key, good);
  }
  await waitFor(async () => (await keptKeys())?.length === 0, { what: 'the mended values', timeout: 30_000 });
  return ms;
}

async function answerOf(rig: Rig, host: string): Promise<string> {
  const answer = await request(rig.site.url, { host }).catch((error) => ({ status: 0, body: String(error) }));
  return answer.status === 200 ? answer.body : `${answer.status} ${answer.body.slice(0, 80)}`;
}

/** Throws where requests failed, or were answered by another service. */
function noneElsewhere(load: Load, { name }: Backend): number {
  const others = [...load.bodies().keys()].filter((body) => body !== name);
  hold(others.length === 0, `${name} alone answers for itself: ${others}`);
  noFailures(load);
  return load.ok();
}

const keptDrill = (mode: 'master-socket' | 'managed'): Drill => ({
  name: `kept (${mode}): good values overwritten with each kind of refused ones, Pointsman killed with -9 in the middle`,
  promise: 'each keeps its last good form, also after the next start, 0 failed requests',
  async run(form) {
    await using stack = new AsyncDisposableStack();
    const all: Overwriting[] = [];
    const keys: Record<string, string> = {};
    for (const [service, kind] of Object.entries(KINDS)) {
      const backend = stack.use(await startBackend(service));
      const one = kind(backend.address);
      const isRoute = one.key.startsWith('/routes/');
      all.push({ ...one, backend, host: isRoute ? `${service}.test` : service });
      keys[`/services/${service}/one`] = backend.address;
      keys[one.key] = one.good;
    }
    await using rig = await startRig({
      haproxy: { mode },
      keys,
      more: { apply: { mode: 'auto' }, limits: { valueBytes: LIMIT } },
    });
    const loads = all.map(({ host, backend }) => {
      const load = stack.use(startLoad(rig.site.url, { host, concurrency: 1, pause: 10 }));
      return { load, backend };
    });
    await waitFor(() => loads.every(({ load }) => load.ok() > 0), { what: 'traffic' });
    await waitFor(inCache(rig, 'route.test'), { what: 'the good values in the cache', timeout: 30_000 });
    const times: number[] = [];
    for (let round = 0; round < (form === 'full' ? MOMENTS.length : 1); round++) {
      times.push(await overwrite(rig, all, round));
    }
    const sent = loads.map(({ load, backend }) => noneElsewhere(load, backend));
    noFailures(rig.load);
    const count = sent.reduce((sum, one) => sum + one, rig.load.ok());
    return { ms: Math.max(...times), seen: `0 of ${count} requests failed` };
  },
});

/** What is refused by itself, through a crash. */
export const keptDrills: readonly Drill[] = [keptDrill('master-socket'), keptDrill('managed')];
