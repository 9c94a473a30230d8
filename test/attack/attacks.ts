import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { request, waitFor } from '../support/haproxy.ts';
import { type Write, writesOf } from './arbitrary-writes.ts';
import { CALM, startTarget, type Target } from './target.ts';

/** How much is done: `short` as a test. */
export interface Extent {
  readonly form: 'short' | 'full';
  readonly seed: number;
  /** How many generated writes. */
  readonly writes: number;
  /** How many of them come at once, at least. @default 1 */
  readonly moment?: number;
  /** For so many milliseconds what was written is waited for. @default 60,000 */
  readonly patience?: number;
  /** Gets how far it has come, where that takes long. */
  readonly tell?: (line: string) => void;
}

/** Something that whoever may write keys, or reach a port of ours, can do to others. */
export interface Attack {
  readonly name: string;
  /** Only in the full form: it takes minutes. */
  readonly isLong?: true;
  /** On a site of its own. Gives what was seen, and throws where somebody was harmed. */
  run(extent: Extent): Promise<string>;
}

/** A service with a route of this value. */
function route(name: string, value: object, address = '127.0.0.1:1'): readonly Write[] {
  return [
    [`/services/${name}/one`, address],
    [`/routes/${name}`, JSON.stringify(value)],
  ];
}

async function write(target: Target, writes: readonly Write[]): Promise<void> {
  for (const [key, value] of writes) {
    await (value === null ? target.etcd.delete(key) : target.etcd.put(key, value));
  }
}

/** What the status says of the keys. */
interface Keys {
  /** The hash of those that the last pass saw. */
  readonly hashes: { readonly raw: string | null };
  readonly counts: { readonly keys: number; readonly services: number; readonly rejected: number } | null;
}

/** Null where nobody says, on a busy machine. */
async function keysOf({ daemon }: Target): Promise<Keys | null> {
  return (await daemon.status().catch(() => null)) as Keys | null;
}

async function rawHash(target: Target): Promise<string | null> {
  return (await keysOf(target))?.hashes.raw ?? null;
}

/** `limits.services`: with so many no new one is let in. */
const MOST_SERVICES = 10_000;

/** What an outsider sees, whether a new service is let in still or not, and how many there are. */
async function seenWith(target: Target, patience?: number): Promise<string> {
  const status = await waitFor(() => keysOf(target), { what: 'the status', timeout: 60_000 });
  const { keys = 0, services = 0, rejected = 0 } = status.counts ?? {};
  const seen = await (services < MOST_SERVICES ? target.unharmed(patience) : target.goesOn(patience));
  return `${seen}; ${keys} keys, ${services} services, ${rejected} rejected`;
}

/** So many generated writes after which it is looked what they did. */
const LOOK = 5000;

/** All of a prefix, many in a transaction: etcd takes 128 at most. */
async function fill(
  target: Target,
  count: number,
  one: (at: number) => readonly [string, string],
): Promise<void> {
  const { client } = target.etcd;
  const starts = Array.from({ length: Math.ceil(count / 100) }, (_, at) => at * 100);
  const worker = async () => {
    for (let from = starts.shift(); from !== undefined; from = starts.shift()) {
      const puts = Array.from({ length: Math.min(100, count - from) }, (_, at) => {
        const [key, value] = one((from ?? 0) + at);
        return client.put(key).value(value);
      });
      const commit = () =>
        client
          .if('/never', 'Version', '==', 0)
          .then(...puts)
          .commit();
      // etcd itself may be at its limits, and whoever attacks goes on.
      const isTaken = () =>
        commit().then(
          () => true,
          () => false,
        );
      await waitFor(isTaken, { what: 'etcd to take a transaction', timeout: 120_000 });
    }
  };
  await Promise.all([worker(), worker(), worker(), worker()]);
}

const generated: Attack = {
  name: 'values and routes of any kind',
  async run({ seed, writes, moment: least, patience, tell = () => {} }) {
    await using target = await startTarget();
    let written = 0;
    for (const moment of writesOf(seed, writes, least)) {
      const before = await waitFor(() => rawHash(target), { what: 'the status', timeout: 60_000 });
      await write(target, [...moment, ['/haproxy/moment', `${written}`]]);
      // Each state is met by a pass: what is written over at once attacks nobody.
      const passed = async () => ![null, before].includes(await rawHash(target));
      await waitFor(passed, {
        what: `a pass after the writes ${JSON.stringify(moment)}`,
        timeout: patience ?? 60_000,
      });
      const isToLook = Math.floor(written / LOOK) < Math.floor((written + moment.length) / LOOK);
      written += moment.length;
      if (isToLook) {
        tell(`${written} of ${writes} writes: ${await seenWith(target, patience)}`);
      }
    }
    return await bounded(target, await seenWith(target, patience));
  },
};

const hugeRoute: Attack = {
  name: 'a route of 10 kB with 128,000 pairs of host and path',
  async run() {
    await using target = await startTarget();
    const hosts = Array.from({ length: 400 }, (_, at) => `h${at}.evil.example`);
    const paths = Array.from({ length: 320 }, (_, at) => `/p${at}`);
    await write(target, route('evil', { hosts, paths }));
    return await target.unharmed();
  },
};

const manyRoutes: Attack = {
  name: '60 routes of 900 pairs of host and path each',
  async run() {
    await using target = await startTarget();
    const paths = Array.from({ length: 30 }, (_, at) => `/p${at}`);
    for (let service = 0; service < 60; service++) {
      const hosts = Array.from({ length: 30 }, (_, at) => `h${at}.s${service}.example`);
      await write(target, route(`evil-${service}`, { hosts, paths }));
    }
    return await target.unharmed();
  },
};

const ownPorts: Attack = {
  name: 'routes on the ports of the shared frontend',
  async run({ form }) {
    await using target = await startTarget({ bindAddress: '127.0.0.1' });
    const stolen = createServer((socket) => {
      socket.end('HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\nevil');
    }).listen(0, '127.0.0.1');
    await using _ = { [Symbol.asyncDispose]: async () => void stolen.close() };
    await once(stolen, 'listening');
    const { port } = stolen.address() as { port: number };
    for (const [at, own] of target.ports.entries()) {
      await write(target, route(`evil-${at}`, { mode: 'tcp', port: own }, `127.0.0.1:${port}`));
    }
    const seen = await target.unharmed();
    for (let at = 0; at < (form === 'full' ? 400 : 100); at++) {
      const { body } = await request(`http://127.0.0.1:${target.ports[at % 2]}`, { host: CALM });
      if (body !== CALM) {
        throw new Error(`port ${target.ports[at % 2]} answered ${JSON.stringify(body)}`);
      }
    }
    return seen;
  },
};

const heldPort: Attack = {
  name: 'a route on a port that another process of the host holds',
  async run() {
    await using target = await startTarget({ bindAddress: '127.0.0.1' });
    await write(target, route('evil', { mode: 'tcp', port: target.etcd.port }));
    return await target.unharmed();
  },
};

const slowValues: Attack = {
  name: 'values that make filters and functions slow',
  async run() {
    await using target = await startTarget();
    await write(target, [
      ['/haproxy/blanks', `a${' '.repeat(200_000)}b`],
      ['/haproxy/slashes', `a${'/'.repeat(200_000)}b`],
      [`/haproxy/${'-'.repeat(900)}`, 'a'],
    ]);
    return await target.unharmed();
  },
};

const otherNames: Attack = {
  name: 'the hosts, addresses and names of others',
  async run({ form }) {
    await using target = await startTarget();
    const claims = [CALM, '*', `*.${CALM}`, CALM.toUpperCase(), `${CALM}.`];
    await write(
      target,
      claims.flatMap((host, at) => route(`evil-${at}`, { hosts: [host] })),
    );
    const names = ['__proto__', 'constructor', 'toString', 'CALM', 'calm ', 'be_calm', 'not_found'];
    await write(
      target,
      names.map((name): Write => [`/services/${name}/constructor`, '127.0.0.1:1']),
    );
    const bad = [';', '; shutdown sessions', '\n', '\ndisable server be_calm/one', '%[src]', '"', "'", '\\'];
    await write(
      target,
      bad.flatMap((text): Write[] => [
        [`/services/evil/a${text}`, '127.0.0.1:1'],
        [`/services/evil/b`, `127.0.0.1:1${text}`],
        ['/services/evil/c', JSON.stringify({ host: '127.0.0.1', port: 1, tags: [text], meta: { a: text } })],
      ]),
    );
    const seen = await target.unharmed();
    const asked = form === 'full' ? 200 : 50;
    for (let at = 0; at < asked; at++) {
      const { body } = await request(`http://127.0.0.1:${target.ports[0]}`, { host: CALM });
      if (body !== CALM) {
        throw new Error(`the host ${CALM} was answered with ${JSON.stringify(body)}`);
      }
    }
    return seen;
  },
};

const idleSockets: Attack = {
  name: '400 idle connections to the status server',
  async run() {
    await using target = await startTarget();
    const { statusPort } = target.site;
    const sockets = Array.from({ length: 400 }, (): Socket => connect(statusPort, '127.0.0.1'));
    for (const socket of sockets) {
      socket.on('error', () => {});
    }
    try {
      const seen = await target.unharmed();
      const ready = async () => (await request(`http://127.0.0.1:${statusPort}/readyz`)).status === 200;
      await waitFor(() => ready().catch(() => false), { what: '/readyz', timeout: 10_000 });
      return seen;
    } finally {
      for (const socket of sockets) {
        socket.destroy();
      }
    }
  },
};

const MOST_MB = 700;

/** Fails where Pointsman ever took more memory than is allowed. */
async function bounded(target: Target, seen: string): Promise<string> {
  const most = await target.mostMemory();
  if (most > MOST_MB) {
    throw new Error(`${most} MB, over ${MOST_MB}`);
  }
  return seen;
}

const manyKeys: Attack = {
  name: '1,000,000 keys',
  isLong: true,
  async run() {
    await using target = await startTarget();
    await fill(target, 1_000_000, (at) => [
      `/services/evil-${at % 100}/i${at}`,
      `127.1.${at % 250}.1:${1 + (at % 60_000)}`,
    ]);
    return await bounded(target, await target.unharmed());
  },
};

const largeValues: Attack = {
  name: '200 values of 2 MB',
  isLong: true,
  async run() {
    // By default etcd takes 1.5 MB at most.
    await using target = await startTarget({ etcdArgs: ['--max-request-bytes', '4000000'] });
    for (let at = 0; at < 200; at++) {
      await target.etcd.put(`/haproxy/large-${at}`, 'x'.repeat(2_000_000));
    }
    return await bounded(target, await target.unharmed());
  },
};

const manyPlaces: Attack = {
  name: '50,000 services with a route each',
  isLong: true,
  async run() {
    await using target = await startTarget();
    await fill(target, 50_000, (at) => [`/services/evil-${at}/one`, '127.0.0.1:1']);
    const meanwhile = target.goesOn();
    await fill(target, 50_000, (at) => [`/routes/evil-${at}`, JSON.stringify({ hosts: [`h${at}.example`] })]);
    await meanwhile;
    return await bounded(target, await target.goesOn());
  },
};

/** All of them, the short ones first. */
export const attacks: readonly Attack[] = [
  ...[generated, hugeRoute, manyRoutes, ownPorts, heldPort, slowValues, otherNames, idleSockets],
  ...[manyKeys, largeValues, manyPlaces],
];
