/**
 * sh scripts/node.sh test/bench/profile.ts [--size 500x20] [--changes 100] [--every 100] [--template "without memo"] [--idle] [--flags=--trace-gc]:
 * a CPU profile of the daemon during single changes (or during as long a rest, with --idle). Prints where the time
 * went and leaves the .cpuprofile in .cache/profile, for a browser's developer tools. Build first.
 */
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startEtcd } from '../support/etcd.ts';
import { startBench } from './daemon.ts';
import { cpuOf, rssOf } from './process-figures.ts';
import { type CpuProfile, topOf } from './profile-tops.ts';

const { values } = parseArgs({
  options: {
    size: { type: 'string', default: '500x20' },
    changes: { type: 'string', default: '100' },
    every: { type: 'string', default: '100' },
    template: { type: 'string', default: 'packaged' },
    idle: { type: 'boolean', default: false },
    flags: { type: 'string', default: '' },
  },
});

const folder = fileURLToPath(new URL('../../.cache/profile', import.meta.url));
await rm(folder, { recursive: true, force: true });
await mkdir(folder, { recursive: true });
const [services = 1, instances = 1] = values.size.split('x').map(Number);
const changes = Number(values.changes);
const every = Number(values.every);
let from = 0;
let to = 0;
{
  await using etcd = await startEtcd();
  await using bench = await startBench({
    etcd,
    services,
    instances,
    template: values.template === 'packaged' ? 'packaged' : 'without memo',
    flags: [
      '--cpu-prof',
      '--cpu-prof-interval',
      '200',
      `--cpu-prof-dir=${folder}`,
      ...values.flags.split(' ').filter(Boolean),
    ],
  });
  await sleep(8000);
  const { pid } = bench.daemon;
  const before = await cpuOf(pid);
  // The clock of a profile is the kernel's monotonic one, in microseconds.
  from = Number(process.hrtime.bigint() / 1000n);
  for (let change = 0; change < changes; change++) {
    const begin = performance.now();
    const key = `/services/probe/moving-${change >> 1}`;
    if (values.idle) {
      void 0;
    } else if (change % 2 === 0) {
      await etcd.put(key, bench.moving.address);
    } else {
      await etcd.delete(key);
    }
    await sleep(begin + every - performance.now());
  }
  to = Number(process.hrtime.bigint() / 1000n);
  if (values.flags !== '') {
    console.log(bench.daemon.output());
  }
  const after = await cpuOf(pid);
  const own = after.own - before.own;
  const seconds = (to - from) / 1e6;
  console.log(
    `${changes} changes in ${seconds.toFixed(1)} s: ${own} ms of CPU, ${(own / changes).toFixed(2)} ms each, ` +
      `children ${after.children - before.children} ms, RSS ${await rssOf(pid)} MB`,
  );
}
const [name = ''] = await readdir(folder);
const profile = JSON.parse(await readFile(path.join(folder, name), 'utf8')) as CpuProfile;
const { self, whole, busy } = topOf(profile, { from, to });
console.log(`main thread busy: ${busy.toFixed(0)} ms\nby self time:`);
console.table(self.slice(0, 40));
console.log('with everything that it called:');
console.table(whole.slice(0, 60));
