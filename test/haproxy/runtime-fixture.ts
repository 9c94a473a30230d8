import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { LingeringEvent } from '../../src/haproxy/lingering-watch.ts';
import { createRuntimeApplier, type RuntimeApplier } from '../../src/haproxy/runtime-apply.ts';
import { seeWorker } from '../../src/haproxy/stats-socket.ts';
import { hashText, withMark } from '../../src/plan/mark.ts';
import type { Plan } from '../../src/plan/plan.ts';
import { plan } from '../../src/plan/planner.ts';
import type { ApplyOutcome } from '../../src/ports/runtime.ts';
import { createStateFile } from '../../src/state/state-file.ts';
import {
  cli,
  freePort,
  showProc,
  startHaproxy,
  type TestProcess,
  tempFolder,
  waitFor,
} from '../support/haproxy.ts';
import type { HaproxyBinary } from '../support/haproxy-versions.ts';

/** The signal of whoever never gives up. */
export const never = new AbortController().signal;

/** A HAProxy of its own that runs `text`, and an applier for it. */
export interface RuntimeSite extends AsyncDisposable {
  readonly folder: string;
  readonly statsSocket: string;
  readonly configPath: string;
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  readonly haproxy: TestProcess & { readonly masterSocket: string };
  readonly notes: LingeringEvent[];
  applier: RuntimeApplier;
  /** A whole text with these lines in its backend `be`. */
  text(...servers: readonly string[]): string;
  /** Plans from what runs to these servers. */
  plan(...servers: readonly string[]): Plan;
  /** Plans and applies; it has to go by the Runtime API. */
  change(servers: readonly string[], options?: Partial<ChangeOptions>): Promise<ApplyOutcome>;
  /** The pid of the worker. */
  worker(): Promise<number>;
  /** The mark of the worker. */
  mark(): Promise<string | null>;
  /** A reload by somebody else, of this text; waits for the new worker. */
  strangerReloads(text?: string): Promise<void>;
  /** One command. */
  cli(command: string): Promise<string>;
  /** `show servers state be` as `name address:port weight admin state`. */
  servers(): Promise<string[]>;
}

/** How a change is made. */
export interface ChangeOptions {
  readonly newServers: 'up' | 'checked';
  readonly drain: number;
  readonly expected: { readonly pid: number; readonly mark: string };
}

/** Further lines of the configuration. */
export interface RuntimeSiteOptions {
  readonly global?: readonly string[];
  readonly defaults?: readonly string[];
  readonly backend?: readonly string[];
  readonly level?: string;
}

/** Starts one. */
export async function makeRuntimeSite(
  binary: HaproxyBinary,
  servers: readonly string[],
  options: RuntimeSiteOptions = {},
): Promise<RuntimeSite> {
  await using stack = new AsyncDisposableStack();
  const { path: folder } = stack.use(await tempFolder());
  const statsSocket = path.join(folder, 's.sock');
  const configPath = path.join(folder, 'haproxy.cfg');
  const port = await freePort();
  const text = (...lines: readonly string[]) => siteText({ statsSocket, port, lines, options });
  let running = text(...servers);
  await writeFile(configPath, withMark(running));
  const haproxy = stack.use(await startHaproxy({ binary: binary.path, configPath }));
  const notes: LingeringEvent[] = [];
  const open = () =>
    createRuntimeApplier({
      statsSocket,
      configPath,
      journal: createStateFile(folder, 'server-journal.json'),
      emit: (event) => notes.push(event),
    });
  const seen = async () => {
    const worker = await seeWorker(statsSocket, never);
    if (worker === null) {
      throw new Error(`no worker answers on ${statsSocket}`);
    }
    return worker;
  };
  const worker = async () => (await seen()).pid;
  await waitFor(() => worker().catch(() => null));
  const site: Omit<RuntimeSite, typeof Symbol.asyncDispose> = {
    folder,
    statsSocket,
    configPath,
    url: `http://127.0.0.1:${port}`,
    haproxy,
    notes,
    applier: await open(),
    text,
    plan: (...lines) => plan(running, text(...lines), { version: binary.name }),
    async change(lines, changed = {}) {
      const next = text(...lines);
      const made = plan(running, next, { version: binary.name });
      if (made.kind !== 'runtime') {
        throw new Error(`no plan for the Runtime API: ${JSON.stringify(made)}`);
      }
      const outcome = await site.applier.apply(
        {
          commands: made.commands,
          expected: { pid: await worker(), mark: hashText(running) },
          mark: hashText(next),
          newServers: 'up',
          drain: 0,
          ...changed,
        },
        never,
      );
      if (outcome.kind === 'applied') {
        running = next;
      }
      return outcome;
    },
    worker,
    mark: async () => (await seen()).mark,
    async strangerReloads(other = running) {
      const before = await showProc(haproxy.masterSocket);
      await writeFile(configPath, withMark(other));
      running = other;
      haproxy.child.kill('SIGUSR2');
      await waitFor(async () => {
        const pid = await worker().catch(() => null);
        return pid !== null && !before.workers.includes(pid);
      });
    },
    cli: (command) => cli(statsSocket, command),
    async servers() {
      const answer = await cli(statsSocket, 'show servers state be');
      const rows = answer
        .split('\n')
        .slice(2)
        .filter((line) => line !== '');
      return rows.map((row) => {
        const columns = row.split(' ');
        return `${columns[3]} ${columns[4]}:${columns[18]} weight ${columns[7]} admin ${columns[6]} state ${columns[5]}`;
      });
    },
  };
  const owned = stack.move();
  return Object.assign(site, {
    async [Symbol.asyncDispose]() {
      await site.applier[Symbol.asyncDispose]();
      await owned.disposeAsync();
    },
  });
}

function siteText(given: {
  statsSocket: string;
  port: number;
  lines: readonly string[];
  options: RuntimeSiteOptions;
}): string {
  const { statsSocket, port, options } = given;
  const indent = (lines: readonly string[] = []) => lines.map((line) => `  ${line}\n`).join('');
  return `global
  stats socket ${statsSocket} mode 600 level ${options.level ?? 'admin'}
  hard-stop-after 10s
${indent(options.global)}defaults
  mode http
  timeout connect 1s
  timeout client 30s
  timeout server 30s
  retries 0
  default-server inter 300ms rise 1 fall 1 pool-purge-delay 200ms
${indent(options.defaults)}frontend f
  bind 127.0.0.1:${port}
  default_backend be
backend be
  balance roundrobin
${indent(options.backend)}${indent(given.lines)}`;
}
