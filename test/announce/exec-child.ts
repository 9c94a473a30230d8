/** A process of its own that starts a child as `announce --exec` does, and ends as it does: `exec-child.ts COMMAND ARG…`. */
import { startChild } from '../../src/announce/child.ts';

const [command = '', ...args] = process.argv.slice(2);
const child = await startChild(command, args, { umask: 0o022 });
process.on('SIGTERM', () => child.send('SIGTERM'));
// A bug of ours.
process.on('SIGUSR2', () => {
  throw new Error('broken');
});
const { exitCode } = await child.ended;
process.exit(exitCode);
