import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { startProcess, waitFor } from '../support/haproxy.ts';
import { openCluster } from './cluster.ts';
import { openLab } from './lab.ts';
import { crashStep, deployStep, tour } from './tour.ts';
import { startTraffic } from './traffic.ts';

const SMALL = {
  services: {
    api: { image: 'api:git-1a2b3c4', instances: 2 },
    shop: { image: 'shop:git-1a2b3c4', instances: 2 },
  },
};

test('two hosts behind a load balancer: a deploy and the crash of a container fail no request whose instance lived on', async () => {
  await using cluster = await openCluster({ members: 1, hosts: 2, definitions: SMALL });
  await using traffic = await startTraffic(cluster.balancer, Object.keys(SMALL.services));
  const tallies = await tour(cluster, traffic, { steps: [deployStep(['shop']), crashStep('api')] });
  const [deploy, crash] = tallies;
  expect(deploy?.verdicts).toEqual([]);
  expect(crash?.verdicts.filter(({ kind }) => kind !== 'died' && kind !== 'dead')).toEqual([]);
  const answered = traffic.all.flatMap(({ by }) => by ?? []);
  for (const one of ['shop/shop-1-git-1a2b3c4', 'shop/shop-2-git-5d6e7f8', 'api/api-1-git-1a2b3c4']) {
    expect(answered).toContain(one);
  }
}, 240_000);

const MAIN = new URL('main.ts', import.meta.url).pathname;

test('without root npm run cluster says so, and ends with 2', async () => {
  const uid = 65_534;
  const { exitCode, stderr } = await execa(process.execPath, [MAIN], { reject: false, uid, gid: uid });
  expect(exitCode).toBe(2);
  expect(stderr).toMatch(/^npm run cluster: .* takes root\.\n/);
});

test('of a run that is killed with -9 no process is left, and the next one removes its networks and files', async () => {
  const { TEST_RUN_TAG: _, ...env } = process.env;
  await using run = await startProcess(process.execPath, [MAIN], { env });
  const [, name = ''] = await waitFor(() => /^(pmc-\d+): /m.exec(run.output()), {
    what: 'the lab',
    timeout: 30_000,
  });
  const namespaces = async () =>
    (await execa('ip', ['netns', 'list'])).stdout.match(new RegExp(`${name}-\\S+`, 'g')) ?? [];
  await waitFor(async () => (await namespaces()).length > 3, { what: 'its machines', timeout: 30_000 });
  run.child.kill('SIGKILL');
  await run.ended;
  await waitFor(
    async () => {
      const { stdout } = await execa('sh', ['-c', 'cat /proc/[0-9]*/cmdline 2> /dev/null | tr "\\0" " "']);
      return !stdout.includes(`${name}/`) && !stdout.includes(`${name}-`);
    },
    { what: 'the end of its processes', timeout: 30_000 },
  );
  await using _next = await openLab();
  expect(await namespaces()).toEqual([]);
  expect(await readdir(tmpdir())).not.toContain(name);
  expect((await execa('ip', ['-o', 'link'])).stdout).not.toContain(`${name}:`);
}, 120_000);
