/**
 * npm run soak [-- --seed 7 --minutes 10 --haproxy 3.4 --log FILE]: random faults and changes under constant load,
 * on real etcd and real HAProxy. Ends with 1 where a promise was broken.
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { chooseHaproxy } from '../support/chosen-haproxy.ts';
import startReaper from '../support/reaper.ts';
import { reportOf } from './report.ts';
import { soak } from './soak.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 100_000) },
    minutes: { type: 'string', default: '2' },
    haproxy: { type: 'string' },
    log: { type: 'string' },
  },
});
const [seed, minutes] = [Number(values.seed), Number(values.minutes)];
if (!Number.isInteger(seed) || !(minutes > 0)) {
  console.error('usage: npm run soak -- --seed NUMBER --minutes NUMBER [--haproxy BRANCH|PATH] [--log FILE]');
  process.exit(2);
}
using haproxy = chooseHaproxy(values.haproxy);
startReaper();
console.error(`seed ${seed}, ${minutes} minutes, HAProxy ${haproxy.version}`);
const result = await soak({ seed, minutes });
if (values.log !== undefined) {
  await writeFile(values.log, result.log);
}
if (result.problems.length > 0) {
  console.error(`the end of Pointsman's log:\n${result.log.slice(-8000)}`);
}
console.log(`HAProxy ${haproxy.version}, ${reportOf(result)}`);
process.exitCode = result.problems.length === 0 ? 0 : 1;
