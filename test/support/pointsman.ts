import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, request, startProcess, type TestProcess, tempFolder, waitFor } from './haproxy.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/** A folder with settings of its own: free ports, sockets, state, and a file source unless `sources` says else. */
export interface Site extends AsyncDisposable {
  readonly folder: string;
  readonly settingsFile: string;
  readonly configPath: string;
  readonly masterSocket: string;
  readonly statsSocket: string;
  readonly httpPort: number;
  readonly statusPort: number;
  /** `http://127.0.0.1:PORT` of the shared frontend. */
  readonly url: string;
  /** The program, which may be another build from now on. @default this one */
  main: string;
  /** Runs a command to its end. */
  run(...args: string[]): Promise<{ code: number | string; stdout: string; stderr: string }>;
  /**
   * Starts the daemon (as another user with `uid`, with `env` besides ours, by a program `under` that becomes it) and waits
   * until it says that it started.
   */
  start(options?: {
    readonly uid?: number;
    readonly under?: readonly string[];
    readonly env?: Readonly<Record<string, string>>;
    readonly flags?: readonly string[];
  }): Promise<Daemon>;
}

/** A running `pointsman run`. */
export interface Daemon extends TestProcess {
  /** `/api/status`. */
  status(): Promise<Record<string, unknown>>;
  /** The lines of its log, as JSON. */
  log(): Record<string, unknown>[];
  /** Waits until `/readyz` says 200. */
  ready(): Promise<void>;
}

/** What differs from the defaults of a test's site. */
export interface SiteOptions {
  readonly sources?: readonly object[];
  readonly haproxy?: Record<string, unknown>;
  readonly vars?: Record<string, unknown>;
  readonly pace?: Record<string, unknown>;
  readonly more?: Record<string, unknown>;
  /** The program. @default this one */
  readonly main?: string;
}

/** Lays out a site in a temporary folder. */
export async function makeSite(options: SiteOptions = {}): Promise<Site> {
  const temp = await tempFolder();
  const folder = temp.path;
  const [httpPort, statusPort] = [await freePort(), await freePort()];
  const configPath = path.join(folder, 'etc', 'haproxy.cfg');
  const masterSocket = path.join(folder, 'm.sock');
  const statsSocket = path.join(folder, 's.sock');
  const settingsFile = path.join(folder, 'pointsman.yaml');
  await mkdir(path.dirname(configPath), { recursive: true });
  const settings = {
    sources: options.sources ?? [{ file: { path: './services.yaml' } }],
    output: { path: configPath },
    stateDir: path.join(folder, 'state'),
    haproxy: { mode: 'managed', masterSocket, statsSocket, ...options.haproxy },
    vars: { bind: `127.0.0.1:${httpPort}`, ...options.vars },
    pace: { reloadInterval: '100ms', ...options.pace },
    status: { listen: `127.0.0.1:${statusPort}` },
    log: { format: 'json' },
    ...options.more,
  };
  // JSON is YAML.
  await writeFile(settingsFile, JSON.stringify(settings, null, 2));
  const invoke = (args: readonly string[], options: { uid?: number; env: NodeJS.ProcessEnv }) => {
    const [command = process.execPath, ...rest] = args;
    return startProcess(command, [...rest, '--config', settingsFile], { cwd: folder, ...options });
  };
  const site: Site = {
    main: options.main ?? MAIN,
    folder,
    settingsFile,
    configPath,
    masterSocket,
    statsSocket,
    httpPort,
    statusPort,
    url: `http://127.0.0.1:${httpPort}`,
    run: (...args) => runToEnd([site.main, ...args, '--config', settingsFile], folder),
    async start({ flags = [], env = {}, under = [], ...options } = {}) {
      const command = [...under, process.execPath, site.main, 'run', ...flags];
      const daemon = await invoke(command, { ...options, env: { ...process.env, ...env } });
      let ended = false;
      void daemon.ended.then(() => {
        ended = true;
      });
      const base = `http://127.0.0.1:${statusPort}`;
      await waitFor(
        async () => {
          if (ended) {
            throw new Error(`pointsman run ended:\n${daemon.output()}`);
          }
          return (await request(`${base}/healthz`).catch(() => null)) !== null;
        },
        { what: 'the status server', timeout: 30_000 },
      ).catch(async (error) => {
        await daemon[Symbol.asyncDispose]();
        throw error;
      });
      const status = async () => JSON.parse((await request(`${base}/api/status`)).body);
      const ready = async () => {
        await waitFor(async () => (await request(`${base}/readyz`)).status === 200, {
          what: '/readyz',
          timeout: 15_000,
        }).catch((error) => {
          throw new Error(`${error}\n${daemon.output()}`);
        });
      };
      return { ...daemon, status, ready, log: () => jsonLines(daemon.output()) };
    },
    [Symbol.asyncDispose]: () => temp[Symbol.asyncDispose](),
  };
  return site;
}

/** Runs `node ARGS` to its end, with stdout and stderr apart. */
export async function runToEnd(
  args: readonly string[],
  cwd: string,
  input = '',
): Promise<{ code: number | string; stdout: string; stderr: string }> {
  const { execa } = await import('execa');
  const result = await execa(process.execPath, args, { cwd, input, reject: false, stripFinalNewline: false });
  return {
    code: result.exitCode ?? result.signal ?? 'unknown',
    stdout: result.stdout,
    stderr: result.stderr,
  };
}

function jsonLines(text: string): Record<string, unknown>[] {
  return text.split('\n').flatMap((line) => {
    if (!line.startsWith('{')) {
      return [];
    }
    return [JSON.parse(line) as Record<string, unknown>];
  });
}
