import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { freePort, request, startHaproxy, type TestProcess, waitFor } from '../support/haproxy.ts';
import { type Daemon, makeSite, type Site } from '../support/pointsman.ts';
import { Fleet } from './fleet.ts';
import { Outlook } from './outlook.ts';
import type { Random } from './random.ts';
import { Store } from './store.ts';
import type { Story } from './story.ts';
import { Traffic } from './traffic.ts';

/** Everything that a soak acts upon. */
export interface World extends AsyncDisposable {
  readonly story: Story;
  readonly random: Random;
  readonly store: Store;
  readonly site: Site;
  readonly outlook: Outlook;
  readonly fleet: Fleet;
  readonly traffic: Traffic;
  readonly haproxy: TestProcess;
  readonly template: string;
  /** The http services that are there all the time, with the tcp service as the last one. */
  readonly lasting: readonly string[];
  /** The Pointsman that runs now. */
  daemon: Daemon;
}

/** The names of the lasting services; `tcp` has a port of its own. */
const LASTING = ['alpha', 'beta', 'gamma', 'delta', 'tcp'] as const;

/** The packaged template, with two free keys: one in a comment, one that HAProxy judges. */
export const TEMPLATE = [
  '{% extends "pointsman/haproxy.cfg.njk" %}',
  '{% block global_extra %}',
  '  # {{ getv("/haproxy/note", "no note") }}',
  '  spread-checks {{ getv("/haproxy/spread", "5") }}',
  '{% endblock %}',
  '',
].join('\n');

/** Starts etcd, Pointsman, then HAProxy as somebody else's process, and the load. */
export async function startWorld(options: {
  readonly story: Story;
  readonly random: Random;
}): Promise<World> {
  const { story, random } = options;
  const stack = new AsyncDisposableStack();
  try {
    const store = stack.use(await Store.start());
    const site = stack.use(await makeSoakSite(store));
    const template = path.join(site.folder, 'templates', 'own.njk');
    await mkdir(path.dirname(template));
    await writeFile(template, TEMPLATE);
    const outlook = new Outlook(site);
    const fleet = stack.use(new Fleet({ store, outlook, story, random: random.fork() }));
    const tcpPort = await freePort();
    await store.put('/routes/tcp', { mode: 'tcp', port: tcpPort });
    for (const name of LASTING) {
      for (let n = 0; n < 3; n++) {
        await fleet.announce(fleet.service(name));
      }
    }
    let daemon = await site.start();
    stack.defer(() => daemon[Symbol.asyncDispose]());
    const said = () => daemon.log().some(({ outcome }) => outcome === 'published-waiting');
    await waitFor(said, { what: 'the first file', timeout: 30_000 });
    const { configPath, masterSocket } = site;
    const haproxy = stack.use(await startHaproxy({ configPath, masterSocket }));
    await daemon.ready();
    await waitFor(async () => (await request(site.url, { host: 'alpha' })).status === 200);
    const traffic = stack.use(new Traffic({ story, random: random.fork(), fleet }));
    for (const service of LASTING) {
      const tcp = service === 'tcp';
      traffic.add({ service, port: tcp ? tcpPort : site.httpPort, kept: !tcp });
    }
    return {
      ...{ story, random, store, site, outlook, fleet, traffic, haproxy, template, lasting: LASTING },
      get daemon() {
        return daemon;
      },
      set daemon(next) {
        daemon = next;
      },
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

/** The defaults, but for holds and caches whose times would be longer than a soak. */
function makeSoakSite(store: Store): Promise<Site> {
  return makeSite({
    sources: [{ etcd: { endpoints: [store.etcd.endpoint] } }],
    haproxy: { mode: 'master-socket' },
    vars: { bindAddress: '127.0.0.1' },
    pace: { reloadInterval: '2s' },
    more: {
      prefixes: { keys: ['/haproxy'] },
      template: './templates/own.njk',
      apply: { mode: 'auto', readBack: '2s' },
      guard: { window: '4s', hold: '3s' },
      cache: { wait: '1s' },
    },
  });
}
