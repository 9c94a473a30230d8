import { access, constants, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { startEtcd, type TestEtcd } from '../support/etcd.ts';
import { type Backend, type Load, request, startBackend, startLoad, waitFor } from '../support/haproxy.ts';
import { type Daemon, makeSite, type Site, type SiteOptions } from '../support/pointsman.ts';
import { PAUSE } from './rig.ts';

/**
 * A template of a user's own, with what can be refused although it parses: options of a server, a free key, and
 * (in `to`) a backend that only has to exist, of which HAProxy names no line; `also` is a backend more.
 */
export const TEMPLATE = `global
  stats socket {{ haproxy.statsSocket }} mode 660 level admin
defaults
  mode http
  timeout connect 1s
  timeout client {{ getv("/haproxy/client", "5s") }}
  timeout server 5s
  retries 3
  option redispatch 1
  option idle-close-on-response
frontend f
  bind {{ vars.bind }}
{% for s in services %}
  use_backend {{ s.meta.to | default("be_" ~ s.name) }} if { hdr(host) -m str {{ s.name }} }
{% endfor %}
{% for s in services %}
backend be_{{ s.name }}
{% for i in s.instances %}
  server {{ i.id }} {{ i.address }} check {{ i.meta.options | default("") }}
{% endfor %}
{% for i in s.instances %}
{% if i.meta.also is defined %}
backend {{ i.meta.also }}
{% endif %}
{% endfor %}
{% endfor %}
`;

/** A site with a service `web` under load, whose template can be refused. */
export interface QuarantineSite extends AsyncDisposable {
  readonly etcd: TestEtcd;
  readonly site: Site;
  readonly daemon: Daemon;
  readonly web: Backend;
  readonly other: Backend;
  readonly load: Load;
  /** Writes everything in one transaction; null deletes. */
  put(keys: Readonly<Record<string, string | object | null>>): Promise<void>;
  /** Writes the template. */
  template(text: string): Promise<void>;
  /** Writes the template, and waits until the file is made with it. */
  goodTemplate(text: string): Promise<void>;
  /** Resolves when a request for this host is answered by this backend. */
  answered(host: string, by: string): Promise<void>;
  /** The units that `/api/status` says are set aside. */
  setAside(): Promise<readonly { unit: string; reason: string; instead: string }[]>;
  /** The lines of the log of one kind of event. */
  events(kind: string): readonly Record<string, unknown>[];
  /** Ends the load; throws where a request failed. Gives what was seen. */
  calm(): Promise<string>;
}

/** Starts etcd, two backends, the daemon and the load. */
export async function quarantineSite(
  options: SiteOptions & { readonly template?: string | null; readonly before?: Record<string, string> } = {},
): Promise<QuarantineSite> {
  await using stack = new AsyncDisposableStack();
  const etcd = stack.use(await startEtcd({ args: ['--max-txn-ops=1024'] }));
  const web = stack.use(await startBackend('web'));
  const other = stack.use(await startBackend('other'));
  const { template = TEMPLATE, before = {} } = options;
  const site = stack.use(
    await makeSite({
      ...options,
      haproxy: { binary: './bin/haproxy', ...options.haproxy },
      sources: [{ etcd: { endpoints: [etcd.endpoint] } }],
      more: {
        ...(template === null ? {} : { template: './own/haproxy.cfg.njk' }),
        prefixes: { keys: ['/haproxy'] },
        duplicateAddresses: 'allow',
        ...options.more,
      },
    }),
  );
  const binary = path.join(site.folder, 'bin', 'haproxy');
  await mkdir(path.dirname(binary));
  await symlink(await whichHaproxy(), binary);
  const file = path.join(site.folder, 'own', 'haproxy.cfg.njk');
  const writeTemplate = async (text: string) => {
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, text);
  };
  if (template !== null) {
    await writeTemplate(template);
  }
  const put = async (keys: Readonly<Record<string, string | object | null>>) => {
    const operations = Object.entries(keys).map(([key, value]) =>
      value === null
        ? etcd.client.delete().key(key)
        : etcd.client.put(key).value(typeof value === 'string' ? value : JSON.stringify(value)),
    );
    await etcd.client
      .if('/never', 'Version', '==', 0)
      .then(...operations)
      .commit();
  };
  await put({ '/services/web/one': web.address, '/services/calm/one': other.address, ...before });
  const daemon = stack.use(await site.start());
  await daemon.ready();
  const load = stack.use(startLoad(site.url, { host: 'web', pause: PAUSE }));
  const held = stack.move();
  return {
    ...{ etcd, site, daemon, web, other, load, put },
    template: writeTemplate,
    async goodTemplate(text) {
      const sign = `# template ${performance.now()}`;
      await writeTemplate(`${text}${sign}\n`);
      const isUsed = async () => (await readFile(site.configPath, 'utf8')).includes(sign);
      await waitFor(isUsed, { what: 'a file made with the new template' });
    },
    async answered(host, by) {
      const isBy = async () => (await request(site.url, { host }).catch(() => null))?.body === by;
      await waitFor(isBy, { what: `${host} by ${by}`, timeout: 60_000 }).catch((error) => {
        throw new Error(`${error}\n${daemon.output().slice(-8000)}`);
      });
    },
    async setAside() {
      return (await daemon.status()).quarantined as { unit: string; reason: string; instead: string }[];
    },
    events: (kind) => daemon.log().filter(({ event }) => event === kind),
    async calm() {
      await load[Symbol.asyncDispose]();
      const failures = load.failures();
      if (failures.length > 0) {
        throw new Error(`${failures.length} requests failed: ${failures[0]}`);
      }
      return `0 of ${load.ok()} requests failed`;
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

async function whichHaproxy(): Promise<string> {
  for (const folder of (process.env.PATH ?? '').split(path.delimiter)) {
    const file = path.join(folder, 'haproxy');
    const found = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) {
      return file;
    }
  }
  throw new Error('there is no haproxy on the PATH');
}
