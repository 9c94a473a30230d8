import { setTimeout as sleep } from 'node:timers/promises';

/** Milliseconds that a group has after SIGTERM, and once more after SIGKILL. */
const GRACE = 500;

/** Ends a process that was started as the leader of a group (`detached`), and all that it started: bounded. */
export async function endGroup(leader: number): Promise<void> {
  for (const name of ['SIGTERM', 'SIGKILL'] as const) {
    const end = performance.now() + GRACE;
    for (let living = send(leader, name); living && performance.now() < end; living = send(leader, 0)) {
      await sleep(20);
    }
  }
}

/** False where nobody of the group is left. */
function send(leader: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-leader, name);
  } catch (error) {
    // Somebody of it is there and may not be signalled: a program that became another user.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
