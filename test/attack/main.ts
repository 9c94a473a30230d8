/**
 * npm run attack [-- --writes 100000] [--moment 50] [--patience 60] [--seed 1] [--only WORDS] [--haproxy 3.4]: what whoever may write keys, or reach a port
 * of ours, can do to others, against a running Pointsman and a real HAProxy with requests to a service that nobody
 * touches. Ends with 1 where somebody was harmed.
 */
import { parseArgs } from 'node:util';
import { chooseHaproxy } from '../support/chosen-haproxy.ts';
import startReaper from '../support/reaper.ts';
import { attacks } from './attacks.ts';

const { values } = parseArgs({
  options: {
    writes: { type: 'string', default: '20000' },
    seed: { type: 'string', default: '1' },
    moment: { type: 'string', default: '50' },
    patience: { type: 'string', default: '60' },
    only: { type: 'string', default: '' },
    haproxy: { type: 'string' },
  },
});
using haproxy = chooseHaproxy(values.haproxy);
startReaper();
console.log(`HAProxy ${haproxy.version}, ${values.writes} writes from seed ${values.seed}`);
console.log('| attack | seen |\n| - | - |');
for (const attack of attacks.filter(({ name }) => name.includes(values.only))) {
  const [seed, writes, moment] = [Number(values.seed), Number(values.writes), Number(values.moment)];
  try {
    const seen = await attack.run({
      form: 'full',
      ...{ seed, writes, moment, patience: Number(values.patience) * 1000 },
      tell: (line) => console.error(line),
    });
    console.log(`| ${attack.name} | ${seen} |`);
  } catch (error) {
    console.error(error);
    console.log(`| ${attack.name} | HARMED: ${String(error).split('\n')[0]} |`);
    process.exitCode = 1;
  }
}
