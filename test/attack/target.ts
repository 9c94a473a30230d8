import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { startEtcd, type TestEtcd } from '../support/etcd.ts';
import { type Backend, freePort, request, startBackend, startLoad, waitFor } from '../support/haproxy.ts';
import { type Daemon, makeSite, type Site } from '../support/pointsman.ts';

/** The service that nobody touches: whatever is done to others, it is answered. */
export const CALM = 'calm';

/** Reads free keys in each way that a template may, so that what stands in them goes through all of it. */
const TEMPLATE = `{% extends "pointsman/haproxy.cfg.njk" %}
{% block global %}
{{ super() }}
{% for pair in gets("/haproxy/*") %}
  set-var proc.free_{{ loop.index }} str({{ pair.value | trim | length }})
  set-var proc.base_{{ loop.index }} str({{ base(pair.key) | length }})
{% endfor %}
{% endblock %}
`;

/** A site under attack: etcd, a running Pointsman, its HAProxy, and requests to a service that nobody touches. */
export interface Target extends AsyncDisposable {
  readonly etcd: TestEtcd;
  readonly site: Site;
  readonly daemon: Daemon;
  readonly calm: Backend;
  /** The ports of the shared frontend: the second one stands in a comma list behind the first. */
  readonly ports: readonly [number, number];
  /** The most resident memory of Pointsman so far, in MB. */
  mostMemory(): Promise<number>;
  /**
   * What an outsider sees after an attack. Throws where a request to the untouched service failed or went elsewhere,
   * where Pointsman ended, or where a new service is not reached within `timeout`. Gives what was seen, in a few words.
   */
  unharmed(timeout?: number): Promise<string>;
  /**
   * The same where the attack filled a limit, and no new service is let in: the untouched one gets a further instance, while
   * the attack is under way or after it.
   */
  goesOn(timeout?: number): Promise<string>;
}

/** Where the routes of attackers get their own ports: no other test listens there. */
const ELSEWHERE = '127.0.66.6';

export interface TargetOptions {
  /** Where routes get their own ports. @default where no other test listens */
  readonly bindAddress?: string;
  /** Further flags of etcd. */
  readonly etcdArgs?: readonly string[];
}

/** Starts a site with the untouched service and its load. */
export async function startTarget(options: TargetOptions = {}): Promise<Target> {
  const { bindAddress = ELSEWHERE, etcdArgs: args = [] } = options;
  await using stack = new AsyncDisposableStack();
  const etcd = stack.use(await startEtcd({ args }));
  const calm = stack.use(await startBackend(CALM));
  const ports = [await freePort(), await freePort()] as const;
  const site = stack.use(
    await makeSite({
      sources: [{ etcd: { endpoints: [etcd.endpoint] } }],
      vars: { bind: `127.0.0.1:${ports[0]},127.0.0.1:${ports[1]}`, bindAddress },
      more: { template: 'own.cfg.njk', prefixes: { keys: ['/haproxy'] } },
    }),
  );
  await writeFile(path.join(site.folder, 'own.cfg.njk'), TEMPLATE);
  await etcd.put(`/services/${CALM}/one`, calm.address);
  // A route that is written beats one that follows from a name: who has none has no claim to keep.
  await etcd.put(`/routes/${CALM}`, JSON.stringify({ hosts: [CALM] }));
  const daemon = await site.start();
  stack.use(daemon);
  await daemon.ready();
  const url = `http://127.0.0.1:${ports[0]}`;
  const load = stack.use(startLoad(url, { host: CALM }));
  await waitFor(() => load.ok() > 20, { what: 'traffic' });
  let ended = false;
  void daemon.ended.then(() => {
    ended = true;
  });
  const mostMemory = async () => {
    const status = await readFile(`/proc/${daemon.child.pid}/status`, 'utf8');
    return Math.round(Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1]) / 1024);
  };
  let after = 0;
  const held = stack.move();
  /** Waits for what was written just now; throws where somebody was harmed. */
  const seenOnce = async (
    reached: () => Promise<boolean>,
    { what, timeout }: { readonly what: string; readonly timeout: number },
  ): Promise<string> => {
    const begun = performance.now();
    await waitFor(async () => ended || (await reached()), { what, timeout }).catch((error) => {
      throw new Error(`${error}\n${daemon.output().slice(-6000)}`);
    });
    const ms = Math.round(performance.now() - begun);
    if (ended) {
      throw new Error(`Pointsman ended:\n${daemon.output().slice(-6000)}`);
    }
    const bodies = [...load.bodies().keys()].filter((body) => body !== CALM);
    const [failure] = load.failures();
    if (failure !== undefined || bodies.length > 0) {
      const { length } = load.failures();
      const [when = { from: 0, to: 0 }] = load.failedAt();
      const meanwhile = daemon.log().flatMap(({ time, msg }) => {
        const at = Date.parse(String(time));
        return at > when.from - 2000 && at < when.to + 2000 ? [`${time} ${msg}`] : [];
      });
      throw new Error(
        `${length} of ${load.ok() + length} requests failed (${failure}, begun at ${new Date(when.from).toISOString()}); answered: ${bodies}\n${meanwhile.join('\n').slice(-12_000)}`,
      );
    }
    return `0 of ${load.ok()} requests failed; ${what} after ${ms} ms; ${await mostMemory()} MB at most`;
  };
  return {
    ...{ etcd, site, daemon, calm, ports },
    mostMemory,
    async unharmed(timeout = 60_000) {
      const name = `after-${++after}`;
      // The guard holds a service that vanishes: it stays.
      const next = held.use(await startBackend(name));
      await etcd.put(`/services/${name}/one`, next.address);
      const reached = async () => (await request(url, { host: name }).catch(() => null))?.body === name;
      return await seenOnce(reached, { what: 'a new service', timeout });
    },
    async goesOn(timeout = 60_000) {
      const next = held.use(await startBackend(CALM));
      await etcd.put(`/services/${CALM}/after-${++after}`, next.address);
      const reached = () => Promise.resolve(next.requests() > 0);
      return await seenOnce(reached, { what: 'a further instance of the untouched service', timeout });
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}
