import { haproxyLives, workersOf } from './haproxy-process.ts';
import { until } from './until.ts';

/**
 * Stops a master softly: SIGUSR1, so that workers take no new connections and finish what they have; after
 * `grace` ms SIGTERM; a second later SIGKILL, for its workers too.
 */
export async function stopMaster(master: number, grace: number): Promise<void> {
  const workers = await workersOf(master);
  for (const [name, patience] of [
    ['SIGUSR1', grace],
    ['SIGTERM', 1000],
    ['SIGKILL', 1000],
  ] as const) {
    if (!(await haproxyLives(master))) {
      break;
    }
    send(master, name);
    await gone([master], patience);
  }
  for (const worker of workers) {
    if (await haproxyLives(worker)) {
      send(worker, 'SIGKILL');
    }
  }
  await gone(workers, 1000);
}

function send(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It ended meanwhile.
  }
}

async function gone(pids: readonly number[], limit: number): Promise<void> {
  const look = async () => ((await Promise.all(pids.map(haproxyLives))).includes(true) ? null : 'gone');
  await until(look, { limit, every: 20 });
}
