import { accessSync, constants } from 'node:fs';

const SHELL = '/bin/sh';

/** Signals that a container's process 1 passes on to the only child that it starts. */
const PASSED_ON = ['HUP', 'INT', 'QUIT', 'USR1', 'USR2', 'TERM', 'WINCH'];

/**
 * A shell waits for whoever becomes its child. `wait` ends early where a signal came in between: then it is asked again, and so is
 * where the child lives (a shell that had heard of its end before says that it knows of none).
 */
const SCRIPT = `
for name in ${PASSED_ON.join(' ')}; do trap "kill -s $name \\"\\$pid\\" 2> /dev/null" $name; done
"$@" <&0 & pid=$!
while wait "$pid"; code=$?; kill -0 "$pid" 2> /dev/null; do :; done
wait "$pid" 2> /dev/null; again=$?
[ "$again" = 127 ] || code=$again
exit "$code"`;

/**
 * Process 1 of a container gets the orphans of all the others and has to wait for them, or they stay as zombies and take the place
 * of living ones. Node waits for its own children alone. So where we are process 1, we become a shell that does it, and that
 * starts `program` (us, once more). Where we are not, somebody else does it.
 */
export function runUnderInit(program: readonly string[]): void {
  if (process.pid !== 1 || process.execve === undefined || !isExecutable(SHELL)) {
    return;
  }
  process.execve(SHELL, ['sh', '-c', SCRIPT, 'sh', ...program], process.env);
}

/** Node does not survive an `execve` that fails. */
function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
