/** What `announce --exec` does where it is process 1 of a container: `as-init.ts COMMAND ARG…`. */
import { startChild } from '../../src/announce/child.ts';
import { runUnderInit } from '../../src/announce/init.ts';

runUnderInit([process.execPath, ...process.argv.slice(1)]);
const [command = '', ...args] = process.argv.slice(2);
const child = await startChild(command, args, { umask: 0o022 });
for (const name of ['SIGTERM', 'SIGHUP', 'SIGINT'] as const) {
  process.on(name, () => child.send(name));
}
const { exitCode } = await child.ended;
process.exit(exitCode);
