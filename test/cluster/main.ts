/**
 * npm run cluster [-- --tour [--only WORDS]] [--haproxy 3.4]: a whole fleet on this machine, in network namespaces; as root. It says what to ask
 * and what to try, and stays until Ctrl-C. With `--tour` it does that by itself, with requests all the time, and ends with a table, and
 * with 1 where a promise was broken.
 */
import { parseArgs } from 'node:util';
import { watch } from 'chokidar';
import { chooseHaproxy } from '../support/chosen-haproxy.ts';
import startReaper from '../support/reaper.ts';
import { type Cluster, openCluster } from './cluster.ts';
import { deploy, FIRST, readDefinitions } from './definitions.ts';
import { guideTo } from './guide.ts';
import { STEPS, tableOf, tour } from './tour.ts';
import { startTraffic } from './traffic.ts';

const { values } = parseArgs({
  options: {
    tour: { type: 'boolean', default: false },
    haproxy: { type: 'string' },
    only: { type: 'string', default: '' },
  },
});
const tell = (line: string) => console.error(line);

if (process.getuid?.() !== 0) {
  console.error(
    'npm run cluster: opening network namespaces takes root.\nCall it with sudo, or in a virtual machine of its own.',
  );
  process.exit(2);
}
using haproxy = chooseHaproxy(values.haproxy);
startReaper();
const told = new Promise<void>((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, resolve);
  }
});
tell(`HAProxy ${haproxy.version}; starting takes about half a minute`);
await using cluster = await openCluster({ tell });
process.exitCode = values.tour ? await takeTour(cluster) : await stay(cluster);

async function takeTour(cluster: Cluster): Promise<number> {
  const services = Object.keys(FIRST.services);
  await using traffic = await startTraffic(cluster.balancer, services);
  const steps = STEPS.filter(({ name }) => name.includes(values.only));
  const tallies = await tour(cluster, traffic, { steps, tell });
  const verdicts = tallies.flatMap(({ verdicts }) => verdicts);
  for (const { kind, proof } of verdicts) {
    tell(`${kind}: ${proof}`);
  }
  console.log(`HAProxy ${haproxy.version}\n\n${tableOf(tallies)}`);
  return verdicts.some(({ kind }) => kind === 'failed') ? 1 : 0;
}

/** Until Ctrl-C; meanwhile whoever changes the definitions deploys. */
async function stay(cluster: Cluster): Promise<number> {
  console.log(await guideTo(cluster));
  let deploying = Promise.resolve();
  const watcher = watch(cluster.definitionsFile, { ignoreInitial: true });
  watcher.on('all', () => {
    deploying = deploying
      .then(async () => {
        tell('deploying what the definitions say …');
        await deploy(await readDefinitions(cluster.definitionsFile), cluster.hosts);
        tell('  … done');
      })
      .catch((error) => tell(`  … not done: ${error}`));
  });
  await told;
  await watcher.close();
  tell('ending');
  return 0;
}
