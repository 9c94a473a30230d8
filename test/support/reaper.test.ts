import { expect, test } from 'vitest';
import { isAlive, startProcess, waitFor } from './haproxy.ts';

const REAPER = new URL('reaper.ts', import.meta.url).href;

/** A run of its own: a child, and a grandchild in its own session that ignores what can be ignored. */
const RUN = `
  import { spawn } from 'node:child_process';
  import startReaper from ${JSON.stringify(REAPER)};
  startReaper();
  const script = "trap '' TERM INT HUP; setsid sleep 300 & echo $$ $!; wait";
  spawn('sh', ['-c', script], { stdio: ['ignore', 'inherit', 'ignore'], detached: true });
  setInterval(() => {}, 1000);
`;

test('what a run started ends with it, even where the run is killed with -9', async () => {
  // Without this run's own tag, as it would be started by hand.
  const { TEST_RUN_TAG: _, ...env } = process.env;
  await using run = await startProcess(process.execPath, ['--input-type=module', '-e', RUN], { env });
  const pids = await waitFor(() => /^(\d+) (\d+)$/m.exec(run.output())?.slice(1, 3).map(Number));
  expect(await Promise.all(pids.map(isAlive))).toEqual([true, true]);
  run.child.kill('SIGKILL');
  await waitFor(async () => !(await Promise.all(pids.map(isAlive))).includes(true));
});
