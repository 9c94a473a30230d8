/**
 * npm run drills [-- --runs 5] [--only WORDS] [--part 1/3] [--haproxy 3.4] [--etcd 3.5]: every drill on real etcd and real HAProxy,
 * and the table: what was promised, what was seen (median and worst). With `--part` every third one, so that three of
 * these side by side do them all. With `--haproxy` (a branch or a path) all of them on that one, else on PATH's, and
 * those of the Runtime API on every version.
 */
import { parseArgs } from 'node:util';
import { chooseHaproxy } from '../support/chosen-haproxy.ts';
import { chooseEtcd } from '../support/etcd-versions.ts';
import { haproxyVersions } from '../support/haproxy-versions.ts';
import startReaper from '../support/reaper.ts';
import { drillsOn } from './all.ts';
import type { DrillResult } from './drill.ts';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '5' },
    only: { type: 'string', default: '' },
    part: { type: 'string', default: '1/1' },
    haproxy: { type: 'string' },
    etcd: { type: 'string', default: '3.4' },
  },
});
const [part = 1, parts = 1] = values.part.split('/').map(Number);
using _etcd = chooseEtcd(values.etcd);
using haproxy = chooseHaproxy(values.haproxy);
const drills = drillsOn(values.haproxy === undefined ? haproxyVersions : [haproxy]);
const chosen = drills.filter(({ name }, at) => name.includes(values.only) && at % parts === part - 1);
startReaper();
console.error(`HAProxy ${haproxy.version}`);
const rows: Record<string, string>[] = [];
for (const drill of chosen) {
  const results: DrillResult[] = [];
  const broken: string[] = [];
  for (let run = 0; run < Number(values.runs); run++) {
    try {
      results.push(await drill.run('full'));
    } catch (error) {
      console.error(error);
      broken.push(error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error));
    }
  }
  const times = results.flatMap(({ ms }) => (ms === null ? [] : [ms])).sort((a, b) => a - b);
  const row = {
    drill: drill.name,
    promised: drill.promise,
    median: times.length === 0 ? '' : `${Math.round(times[Math.floor(times.length / 2)] ?? 0)} ms`,
    worst: times.length === 0 ? '' : `${Math.round(times.at(-1) ?? 0)} ms`,
    seen: [...new Set(results.flatMap(({ seen }) => seen ?? []))].slice(0, 3).join('; '),
    kept: `${results.length} of ${values.runs}${broken.length > 0 ? `: ${broken[0]}` : ''}`,
  };
  rows.push(row);
  console.error(Object.values(row).join(' | '));
  if (broken.length > 0) {
    process.exitCode = 1;
  }
}
console.log(`HAProxy ${haproxy.version}`);
console.log('| drill | promised | median | worst | seen | kept |\n| - | - | - | - | - | - |');
for (const row of rows) {
  console.log(`| ${Object.values(row).join(' | ')} |`);
}
