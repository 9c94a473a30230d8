/**
 * npm run soak [-- --seed 7 --minutes 10 --haproxy PATH --log FILE]: random faults and changes under constant load,
 * on real etcd and real HAProxy. Ends with 1 where a promise was broken.
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import startReaper from '../support/reaper.ts';
import { reportOf } from './report.ts';
import { soak } from './soak.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 100_000) },
    minutes: { type: 'string', default: '2' },
    haproxy: { type: 'string', default: 'haproxy' },
    log: { type: 'string' },
  },
});
const [seed, minutes] = [Number(values.seed), Number(values.minutes)];
if (!Number.isInteger(seed) || !(minutes > 0)) {
  console.error('usage: npm run soak -- --seed NUMBER --minutes NUMBER [--haproxy PATH] [--log FILE]');
  process.exit(2);
}
startReaper();
console.error(`seed ${seed}, ${minutes} minutes`);
const result = await soak({ seed, minutes, binary: values.haproxy });
if (values.log !== undefined) await writeFile(values.log, result.log);
if (result.problems.length > 0) console.error(`the end of Pointsman's log:\n${result.log.slice(-8000)}`);
console.log(reportOf(result));
process.exitCode = result.problems.length === 0 ? 0 : 1;
