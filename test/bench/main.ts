/**
 * npm run bench [-- --sizes 10x3,100x10] [--rounds 20] [--apply auto|reload]: real etcd, real HAProxy, the built program as its users
 * run it (`managed`, default pace). Times from the put to the first answer of the new instance, and from the
 * delete to the last one.
 */
import { parseArgs } from 'node:util';
import { startEtcd } from '../support/etcd.ts';
import { type Figures, measure } from './measure.ts';

const { values } = parseArgs({
  options: {
    sizes: { type: 'string', default: '10x3,100x10,500x20' },
    rounds: { type: 'string', default: '20' },
    apply: { type: 'string', default: 'auto' },
  },
});

const rows: Figures[] = [];
for (const size of values.sizes.split(',')) {
  const [services = 1, instances = 1] = size.split('x').map(Number);
  await using etcd = await startEtcd();
  rows.push(await measure({ etcd, services, instances, rounds: Number(values.rounds), apply: values.apply }));
}
console.table(Object.fromEntries(rows.map(({ servers, ...figures }) => [`${servers} servers`, figures])));
