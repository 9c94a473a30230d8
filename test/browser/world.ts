import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { startEtcd, type TestEtcd } from '../support/etcd.ts';
import { type Backend, startBackend } from '../support/haproxy.ts';
import { type Daemon, makeSite, type Site, type SiteOptions } from '../support/pointsman.ts';

/** A daemon with HAProxy, its etcd, and backends that answer. */
export interface World extends AsyncDisposable {
  readonly etcd: TestEtcd;
  readonly site: Site;
  readonly daemon: Daemon;
  /** Where the page is. */
  readonly url: string;
  /** Starts a backend that answers, to be registered. */
  backend(name: string): Promise<Backend>;
}

/** Starts it, with these keys; `texts` are files of its folder. */
export async function startWorld(
  keys: Readonly<Record<string, string>>,
  { more, texts = {}, ...options }: SiteOptions & { readonly texts?: Readonly<Record<string, string>> } = {},
): Promise<World> {
  await using stack = new AsyncDisposableStack();
  const etcd = stack.use(await startEtcd());
  for (const [key, value] of Object.entries(keys)) {
    await etcd.put(key, value);
  }
  const site = stack.use(
    await makeSite({
      sources: [{ etcd: { endpoints: [etcd.endpoint] } }],
      ...options,
      more: { guard: { minimum: 2, share: 0.4 }, ...more },
    }),
  );
  for (const [name, text] of Object.entries(texts)) {
    await mkdir(path.dirname(path.join(site.folder, name)), { recursive: true });
    await writeFile(path.join(site.folder, name), text);
  }
  const daemon = stack.use(await site.start());
  const all = stack.move();
  return {
    etcd,
    site,
    daemon,
    url: `http://127.0.0.1:${site.statusPort}`,
    backend: async (name) => all.use(await startBackend(name)),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}
