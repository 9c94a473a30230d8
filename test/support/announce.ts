import { fileURLToPath } from 'node:url';
import type { TestEtcd } from './etcd.ts';
import { startProcess, type TestProcess, waitFor } from './haproxy.ts';

/** The program. */
export const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/** A running `pointsman announce`. */
export interface TestAnnounce extends TestProcess {
  /** The lines of its log. */
  log(): readonly Readonly<Record<string, unknown>>[];
  /** Waits for a line of its log of this kind, the `nth` of them. */
  told(event: string, nth?: number): Promise<Readonly<Record<string, unknown>>>;
}

/** What is announced, unless a test says else. */
export const WEB = ['--service', 'web', '--port', '8080', '--host', '10.1.2.3', '--instance', 'i-1'] as const;
/** The key of `WEB`. */
export const WEB_KEY = '/services/web/i-1';

export interface AnnounceOptions {
  readonly etcd: Pick<TestEtcd, 'endpoint'>;
  readonly stateDir: string;
  /** @default those of `WEB` */
  readonly flags?: readonly string[];
  readonly more?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts `pointsman announce`, which says its log as JSON. */
export async function startAnnounce(options: AnnounceOptions): Promise<TestAnnounce> {
  const { etcd, stateDir, flags = WEB, more = [], env = {} } = options;
  const own = ['--etcd', etcd.endpoint, '--set', `stateDir=${stateDir}`, '--log-level', 'debug'];
  const process_ = await startProcess(process.execPath, [MAIN, 'announce', ...own, ...flags, ...more], {
    cwd: stateDir,
    env: { ...process.env, ...env },
  });
  const log = () => jsonLines(process_.output());
  return {
    ...process_,
    log,
    told: (event, nth = 1) =>
      waitFor(() => log().filter((line) => line.event === event)[nth - 1], {
        what: `${event} in the log`,
        timeout: 30_000,
      }).catch((error: Error) => {
        throw new Error(`${error.message}:\n${process_.output()}`);
      }),
  };
}

/** How a key stands in the store; null where it does not. */
export async function storedKey(etcd: TestEtcd, key: string) {
  const { kvs } = await etcd.client.kv.range({ key: Buffer.from(key) });
  const [kv] = kvs;
  return kv ? { text: kv.value.toString(), lease: kv.lease, modified: BigInt(kv.mod_revision) } : null;
}

function jsonLines(text: string): Record<string, unknown>[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('{') && line.endsWith('}'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}
