import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('reaper.sh', import.meta.url));
const TAG = 'TEST_RUN_TAG';

/**
 * From now on everything that this process starts ends with it, however it ends (kill -9 too): a small process of
 * its own holds the other end of a pipe, and when that breaks it kills whatever carries this run's tag in its
 * environment: children, their children, and what they left behind in sessions of its own. It says what it killed.
 *
 * vitest calls it in its main process (`globalSetup`); the drills and the soak call it themselves.
 */
export default function startReaper(): void {
  // A run inside a run ends with the outer one.
  if (process.env[TAG] !== undefined) {
    return;
  }
  const tag = `${TAG}=${randomUUID()}`;
  // Ctrl-C of the terminal must not reach it. It is started without the tag, so it does not find itself.
  const reaper = spawn('sh', [SCRIPT, tag], { stdio: ['pipe', 'ignore', 'inherit'], detached: true });
  // Without a shell there is only no reaper.
  reaper.once('error', () => undefined);
  reaper.stdin.once('error', () => undefined);
  reaper.unref();
  if ('unref' in reaper.stdin && typeof reaper.stdin.unref === 'function') {
    reaper.stdin.unref();
  }
  process.env[TAG] = tag.slice(TAG.length + 1);
}
