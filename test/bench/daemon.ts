import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestEtcd } from '../support/etcd.ts';
import { request, startBackend, startProcess, type TestProcess, waitFor } from '../support/haproxy.ts';
import { makeSite, type Site } from '../support/pointsman.ts';
import { fillEtcd, startFleet } from './fleet.ts';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const TEMPLATE = fileURLToPath(new URL('../../templates/haproxy.cfg.njk', import.meta.url));

/** What is measured. */
export interface DaemonOptions {
  readonly etcd: TestEtcd;
  readonly services: number;
  readonly instances: number;
  /** `apply.mode` @default auto */
  readonly apply?: string;
  /** `without memo`: the packaged template with its memo tags taken out. @default packaged */
  readonly template?: 'packaged' | 'without memo';
  /** For Node, before the program. */
  readonly flags?: readonly string[];
}

/**
 * The built program as its users run it (`managed`, default pace), HAProxy and a fleet that listens, with one more
 * service `probe` whose instance `fixed` is always there.
 */
export interface Bench extends AsyncDisposable {
  readonly site: Site;
  readonly daemon: TestProcess;
  /** Answers `moving`; whoever measures registers it. */
  readonly moving: { readonly address: string };
  /** From the start of the process to the published file, in milliseconds. */
  readonly firstFile: number;
  /** One request to `probe`. */
  ask(): ReturnType<typeof request>;
}

/** Starts all of it and waits until `probe` answers. */
export async function startBench(options: DaemonOptions): Promise<Bench> {
  const { etcd, services, instances, apply = 'auto', template = 'packaged', flags = [] } = options;
  await using stack = new AsyncDisposableStack();
  const fleet = stack.use(await startFleet(services * instances));
  await fillEtcd(etcd, fleet.addresses, services);
  const fixed = stack.use(await startBackend('fixed'));
  const moving = stack.use(await startBackend('moving'));
  await etcd.put('/services/probe/fixed', fixed.address);
  const site = stack.use(
    await makeSite({
      sources: [{ etcd: { endpoints: [etcd.endpoint] } }],
      pace: { reloadInterval: '2s' },
      more: {
        log: { format: 'json', level: 'warn' },
        apply: { mode: apply },
        ...(template === 'packaged' ? {} : { template: './plain.cfg.njk' }),
      },
    }),
  );
  if (template !== 'packaged') {
    const plain = (await readFile(TEMPLATE, 'utf8')).replace(/^\{% (?:end)?memo[^%]*%\}\n/gm, '');
    await writeFile(path.join(site.folder, 'plain.cfg.njk'), plain);
  }
  const start = performance.now();
  const daemon = stack.use(
    await startProcess(process.execPath, [...flags, MAIN, 'run', '--config', site.settingsFile]),
  );
  let ended = false;
  void daemon.ended.then(() => {
    ended = true;
  });
  const file = () => {
    if (ended) {
      throw new Error(`pointsman run ended:\n${daemon.output()}`);
    }
    return readFile(site.configPath).catch(() => null);
  };
  await waitFor(file, { every: 2, timeout: 60_000, what: 'the file' });
  const firstFile = performance.now() - start;
  const ask = () => request(site.url, { host: 'probe' });
  const answers = async () => (await ask().catch(() => null))?.status === 200;
  await waitFor(answers, { timeout: 60_000, what: 'traffic' });
  const rest = stack.move();
  return { site, daemon, moving, firstFile, ask, [Symbol.asyncDispose]: () => rest.disposeAsync() };
}
