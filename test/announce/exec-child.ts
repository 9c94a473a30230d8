/** A process of its own that starts a child as `announce --exec` does, and ends as it does: `exec-child.ts COMMAND ARG…`. */
import { startChild } from '../../src/announce/child.ts';

const [command = '', ...args] = process.argv.slice(2);
// A bug of ours.
process.on('SIGUSR2', () => {
  throw new Error('broken');
});
const child = await startChild(command, args, { umask: 0o022 });
process.on('SIGTERM', () => child.send('SIGTERM'));
const { exitCode } = await child.ended;
process.exit(exitCode);
