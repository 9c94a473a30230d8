import { chown, cp, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { startEtcd, type TestEtcd } from '../support/etcd.ts';
import {
  type Backend,
  cli,
  type Load,
  request,
  showProc,
  startBackend,
  startHaproxy,
  startLoad,
  type TestProcess,
  waitFor,
} from '../support/haproxy.ts';
import { type Daemon, makeSite, type Site, type SiteOptions } from '../support/pointsman.ts';

/** A whole site under load: etcd, an instance `one` of `web`, Pointsman, HAProxy, requests. */
export interface Rig extends AsyncDisposable {
  readonly etcd: TestEtcd;
  readonly one: Backend;
  readonly site: Site;
  /** The Pointsman that runs now. */
  daemon: Daemon;
  /** HAProxy as somebody else's process; null in `managed`. */
  haproxy: TestProcess | null;
  readonly load: Load;
  /** Begins another load, for what comes after an outage. */
  freshLoad(): Load;
  /** Starts a HAProxy of its own from `file`. @default the target */
  startHaproxy(file?: string): Promise<void>;
  /** Waits for a line of the log with this event, among those after the first `after`. */
  event(kind: string, after?: number): Promise<Record<string, unknown>>;
  /** The text on the target's place is what HAProxy runs, nothing is pending, and a request is answered. */
  settled(timeout?: number): Promise<void>;
  /** Milliseconds until `condition`. */
  time(condition: () => unknown, what: string, timeout?: number): Promise<number>;
}

/** What differs from a plain rig. */
export interface RigOptions extends SiteOptions {
  /** Done before Pointsman starts; what it gives is undone at the end. */
  readonly prepare?: (site: Site) => Promise<AsyncDisposable | undefined>;
  /** In etcd before Pointsman starts, besides `web`. */
  readonly keys?: Readonly<Record<string, string>>;
}

/** Starts a rig in `managed`, or with a HAProxy of its own where `haproxy.mode` says otherwise. */
export async function startRig(options: RigOptions = {}): Promise<Rig> {
  await using stack = new AsyncDisposableStack();
  const etcd = stack.use(await startEtcd());
  const one = stack.use(await startBackend('one'));
  const site = stack.use(
    await makeSite({
      ...options,
      sources: [{ etcd: { endpoints: [etcd.endpoint] } }],
      vars: { defaultService: 'web', ...options.vars },
      // These drills are about reloads.
      more: { prefixes: { keys: ['/ha'] }, apply: { mode: 'reload' }, ...options.more },
    }),
  );
  for (const [key, value] of Object.entries({ '/services/web/one': one.address, ...options.keys })) {
    await etcd.put(key, value);
  }
  const prepared = await options.prepare?.(site);
  if (prepared) {
    stack.use(prepared);
  }
  const mode = options.haproxy?.mode ?? 'managed';
  let daemon = await site.start();
  let haproxy: TestProcess | null = null;
  stack.defer(async () => {
    await daemon[Symbol.asyncDispose]();
    await haproxy?.[Symbol.asyncDispose]();
    await killLeftOver(site.masterSocket);
  });
  const start = async (file = site.configPath) => {
    const pidFile = `${site.folder}/haproxy.pid`;
    haproxy = await startHaproxy({ configPath: file, masterSocket: site.masterSocket, pidFile });
  };
  if (mode !== 'managed') {
    const published = () =>
      daemon.log().some(({ outcome }) => outcome === 'published-waiting' || outcome === 'unverified');
    await waitFor(published, { what: 'the first file' });
    await start();
  }
  await daemon.ready();
  const load = stack.use(startLoad(site.url, { pause: PAUSE }));
  await waitFor(() => load.ok() > 0, { what: 'traffic' });
  const held = stack.move();
  return {
    etcd,
    one,
    site,
    load,
    get daemon() {
      return daemon;
    },
    set daemon(next) {
      daemon = next;
    },
    get haproxy() {
      return haproxy;
    },
    set haproxy(next) {
      haproxy = next;
    },
    freshLoad: () => held.use(startLoad(site.url, { pause: PAUSE })),
    startHaproxy: start,
    event: (kind, after = 0) =>
      waitFor(
        () =>
          daemon
            .log()
            .slice(after)
            .find((line) => line.event === kind),
        {
          what: `the event ${kind}`,
          timeout: 15_000,
        },
      ).catch((error) => {
        throw new Error(`${error}\n${daemon.output().slice(-4000)}`);
      }),
    settled: (timeout = 15_000) =>
      waitFor(() => isSettled(site, daemon), { what: 'file and HAProxy to agree', timeout }).then(
        () => undefined,
        (error) => {
          throw new Error(`${error}\n${daemon.output().slice(-6000)}`);
        },
      ),
    async time(condition, what, timeout = 15_000) {
      const begun = performance.now();
      await waitFor(async () => Boolean(await condition()), { what, timeout }).catch((error) => {
        throw new Error(`${error}\n${daemon.output().slice(-6000)}`);
      });
      return performance.now() - begun;
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

async function isSettled(site: Site, daemon: Daemon): Promise<boolean> {
  const status = await daemon.status().catch(() => null);
  if (status?.ready !== true || status.pending !== null) {
    return false;
  }
  const answer = await request(site.url).catch(() => null);
  return answer?.status === 200;
}

/** Writes a shell script. */
export async function script(file: string, ...lines: readonly string[]): Promise<string> {
  await writeFile(file, ['#!/bin/sh', ...lines, ''].join('\n'), { mode: 0o755 });
  return file;
}

/** Gives a site to nobody, and runs Pointsman as that user. HAProxy stays root's. */
export async function becomeNobody(rig: Rig): Promise<number> {
  const nobody = 65_534;
  const { site } = rig;
  rig.daemon.child.kill('SIGTERM');
  await rig.daemon.ended;
  await rm(path.join(site.folder, 'state'), { recursive: true, force: true });
  await rm(path.join(site.folder, 'etc', '.haproxy.cfg.lock'), { force: true });
  for (const one of ['', 'etc', 'etc/haproxy.cfg']) {
    await chown(path.join(site.folder, one), nobody, nobody);
  }
  return nobody;
}

/** A HAProxy of `managed` outlives a killed Pointsman. */
async function killLeftOver(masterSocket: string): Promise<void> {
  const proc = await showProc(masterSocket).catch(() => null);
  if (!proc) {
    return;
  }
  for (const pid of [proc.master, ...proc.workers]) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It ended meanwhile.
    }
  }
}

/** `show servers state` of the worker that takes new connections; empty while HAProxy reloads. */
export function showServers(masterSocket: string): Promise<string> {
  return cli(masterSocket, '@1 show servers state').catch(() => '');
}

/** The mark of what HAProxy runs; empty while it reloads. */
export async function runningMark(masterSocket: string): Promise<string> {
  const answer = await cli(masterSocket, '@1 get var proc.pointsman_mark').catch(() => '');
  return /value=<([^>]+)>/.exec(answer)?.[1] ?? '';
}

/** Throws where requests failed. */
export function noFailures(load: Load): string {
  const failed = load.failures();
  if (failed.length > 0) {
    throw new Error(`${failed.length} of ${load.ok() + failed.length} requests failed: ${failed[0]}`);
  }
  return `0 of ${load.ok()} requests failed`;
}

/** As a test, a drill shares two cores with other tests: that it comes at all, and in time, is held there. */
export const SLACK = process.env.VITEST === undefined ? 1 : 4;

/** Milliseconds between two requests of a load: as a test it must not take the processor from the others. */
export const PAUSE = 5 * SLACK;

/** Throws where `ms` is over the promise. */
export function within(ms: number, most: number, what: string): number {
  if (ms > most * SLACK) {
    throw new Error(`${what}: ${Math.round(ms)} ms, promised ${most}`);
  }
  return ms;
}

/** Throws an error that says what should hold. */
export function hold(truth: unknown, what: string): void {
  if (!truth) {
    throw new Error(`it does not hold that ${what}`);
  }
}

/** A copy of a file beside it. */
export async function copyOf(file: string, name: string): Promise<string> {
  const copy = `${file}.${name}`;
  await cp(file, copy);
  return copy;
}
