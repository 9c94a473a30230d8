import { SystemError } from '../errors.ts';
import { runProgram, whyNotRun } from '../system/run-program.ts';

/** What `haproxy -v` says of itself. */
export interface HaproxyVersion {
  /** `2.6.12-1+deb12u4` */
  readonly full: string;
  /** `2.6`: what a configuration and the Runtime API depend on. */
  readonly branch: string;
}

/** Asks a binary, or what a command runs, for its version. Throws a `SystemError` where it is missing or is no HAProxy. */
export async function haproxyVersion(
  command: string | readonly [string, ...string[]],
  signal?: AbortSignal,
): Promise<HaproxyVersion> {
  const [program, ...args] = typeof command === 'string' ? [command] : command;
  const binary = [program, ...args].join(' ');
  const ran = await runProgram(program, [...args, '-v'], { timeout: 10_000, signal });
  const { said, exitCode, error, timedOut } = ran;
  signal?.throwIfAborted();
  if (error) {
    const hint = 'Install HAProxy, or set haproxy.binary.';
    throw new SystemError(`asking ${binary} for its version: ${whyNotRun('it', error)}`, {
      hint,
      cause: error,
    });
  }
  const version = parseVersion(said);
  if (exitCode === 0 && version) {
    return version;
  }
  const found = timedOut ? 'no answer in 10 s' : `found no HAProxy, but "${firstLine(said)}"`;
  throw new SystemError(`asking ${binary} for its version: ${found}`, {
    hint: 'Set haproxy.binary to the HAProxy that shall judge the configuration.',
  });
}

/** Reads `2.6.12-1+deb12u4` or `HAProxy version 3.0.11 …`. Null where there is no version in it. */
export function parseVersion(text: string): HaproxyVersion | null {
  const found = /(?:HA-?Proxy version |^)((\d+\.\d+)[\w.+~-]*)/m.exec(text);
  if (!found?.[1] || !found[2]) {
    return null;
  }
  return { full: found[1], branch: found[2] };
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? '';
}
