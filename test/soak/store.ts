import { setTimeout as sleep } from 'node:timers/promises';
import type { Entry } from '../../src/model/entry.ts';
import { startEtcd, type TestEtcd } from '../support/etcd.ts';

/** The prefixes that Pointsman watches here. */
export const PREFIXES = ['/services/', '/routes/', '/haproxy/'] as const;

/**
 * The etcd of a soak: what is written is written, however often it is killed meanwhile. Each writer waits for its
 * answer before it goes on, so no write of before comes after a later one.
 */
export class Store implements AsyncDisposable {
  readonly etcd: TestEtcd;
  #down: Promise<void> = Promise.resolve();

  private constructor(etcd: TestEtcd) {
    this.etcd = etcd;
  }

  static async start(): Promise<Store> {
    return new Store(await startEtcd());
  }

  put(key: string, value: string | object): Promise<void> {
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    return this.#surely(() => this.etcd.put(key, text));
  }

  delete(key: string): Promise<void> {
    return this.#surely(() => this.etcd.delete(key));
  }

  /** Everything that Pointsman watches, read anew, at one revision. */
  async read(): Promise<Entry[]> {
    const answer = await this.etcd.client.getAll().exec();
    return answer.kvs.flatMap((kv) => {
      const key = kv.key.toString();
      if (!PREFIXES.some((prefix) => key.startsWith(prefix))) {
        return [];
      }
      const [created, modified] = [BigInt(kv.create_revision), BigInt(kv.mod_revision)];
      return [{ key, value: kv.value.toString(), source: 0, created, modified }];
    });
  }

  /** Killed for `away` milliseconds. `meanwhile` is done to the same data by another etcd. */
  async killed(away: number, meanwhile?: (other: TestEtcd) => Promise<void>): Promise<void> {
    const down = (async (): Promise<void> => {
      await this.etcd.kill();
      await sleep(away);
      if (meanwhile) {
        await using other = await startEtcd({ dataDir: this.etcd.dataDir });
        await meanwhile(other);
      }
      await this.etcd.restart();
    })();
    this.#down = down;
    await down;
  }

  /** Stopped for `away` milliseconds: the kernel still takes connections for it. */
  async frozen(away: number): Promise<void> {
    await this.etcd.kill('SIGSTOP');
    await sleep(away);
    await this.etcd.kill('SIGCONT');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.etcd[Symbol.asyncDispose]();
  }

  async #surely(write: () => Promise<void>): Promise<void> {
    for (let tries = 1; ; tries++) {
      await this.#down;
      try {
        return await write();
      } catch (error) {
        if (tries === 100) {
          throw error;
        }
        await sleep(100);
      }
    }
  }
}

/** Drops all revisions of before. */
export async function compact(etcd: TestEtcd): Promise<void> {
  const { header } = await etcd.client.kv.range({ key: Buffer.from('/') });
  await etcd.client.kv.compact({ revision: header.revision, physical: true });
}
