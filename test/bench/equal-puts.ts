import { readFile, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestEtcd } from '../support/etcd.ts';
import { waitFor } from '../support/haproxy.ts';
import type { Bench } from './daemon.ts';
import { costOf, tenths } from './process-figures.ts';

const COUNT = 20;

/** What 20 puts of a value that is there already gave. */
export interface EqualPuts {
  /** Milliseconds of Pointsman's CPU, without the idle watching. */
  readonly 'CPU each': number;
  /** Whether the file is another one than before. */
  readonly 'file written': boolean;
}

/** Puts the same value again and again: Pointsman hears of each and has nothing to do. `idle`: ms of CPU per second. */
export async function equalPuts({ site, daemon }: Bench, etcd: TestEtcd, idle: number): Promise<EqualPuts> {
  const key = '/services/probe/same';
  await etcd.put(key, '127.0.0.1:9');
  await waitFor(async () => (await readFile(site.configPath, 'utf8')).includes('127.0.0.1:9 '), {
    what: 'the file',
  });
  await sleep(8000);
  const before = await stat(site.configPath, { bigint: true });
  const work = async () => {
    for (let count = 0; count < COUNT; count++) {
      await etcd.put(key, '127.0.0.1:9');
      await sleep(100);
    }
  };
  const { own } = await costOf(work, { pid: daemon.pid, count: COUNT, idle });
  const after = await stat(site.configPath, { bigint: true });
  await etcd.delete(key);
  await sleep(1000);
  const written = after.ino !== before.ino || after.mtimeNs !== before.mtimeNs;
  return { 'CPU each': tenths(own), 'file written': written };
}
