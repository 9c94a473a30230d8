/**
 * npm run bench [-- --sizes 10x3,100x10] [--rounds 40] [--apply auto|reload] [--template "without memo"] [--haproxy 3.4]:
 * real etcd, real HAProxy (PATH's, or a branch or path), the built program as its users run it (`managed`, default pace). Times from the put to the first
 * answer of the new instance, and from the delete to the last one; the CPU that changes, equal puts and rest cost;
 * 200 changes in 2 s with streams and requests (below 10,000 servers).
 */
import { parseArgs } from 'node:util';
import { chooseHaproxy } from '../support/chosen-haproxy.ts';
import { startEtcd } from '../support/etcd.ts';
import { type Measured, measure } from './measure.ts';

const { values } = parseArgs({
  options: {
    sizes: { type: 'string', default: '10x3,100x10,500x20' },
    rounds: { type: 'string', default: '40' },
    apply: { type: 'string', default: 'auto' },
    template: { type: 'string', default: 'packaged' },
    haproxy: { type: 'string' },
  },
});

using haproxy = chooseHaproxy(values.haproxy);
console.log(`HAProxy ${haproxy.version}`);
const rows: (readonly [name: string, Measured])[] = [];
for (const size of values.sizes.split(',')) {
  const [services = 1, instances = 1] = size.split('x').map(Number);
  await using etcd = await startEtcd();
  const servers = services * instances;
  const measured = await measure({
    etcd,
    services,
    instances,
    rounds: Number(values.rounds),
    apply: values.apply,
    template: values.template === 'packaged' ? 'packaged' : 'without memo',
    burst: values.apply !== 'reload' && servers < 10_000,
  });
  rows.push([`${servers} servers`, measured]);
}
const table = (pick: (measured: Measured) => object | null) =>
  console.table(
    Object.fromEntries(
      rows.flatMap(([name, measured]) => {
        const row = pick(measured);
        return row === null ? [] : [[name, row]];
      }),
    ),
  );
console.log('single changes (ms, MB; CPU of Pointsman alone, what it uses at rest taken off):');
table(({ single }) => single);
console.log('20 puts of the value that is there:');
table(({ equal }) => equal);
console.log('200 changes in 2 s:');
table(({ burst }) => burst);
