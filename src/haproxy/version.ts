import { execa } from 'execa';
import { SystemError } from '../errors.ts';

/** What `haproxy -v` says of itself. */
export interface HaproxyVersion {
  /** `2.6.12-1+deb12u4` */
  readonly full: string;
  /** `2.6`: what a configuration and the Runtime API depend on. */
  readonly branch: string;
}

/** Asks a binary for its version. Throws a `SystemError` where it is missing or is no HAProxy. */
export async function haproxyVersion(binary: string, signal?: AbortSignal): Promise<HaproxyVersion> {
  const result = await execa(binary, ['-v'], {
    all: true,
    reject: false,
    stdin: 'ignore',
    timeout: 10_000,
    ...(signal === undefined ? {} : { cancelSignal: signal }),
  });
  signal?.throwIfAborted();
  if (result.code === 'ENOENT' || result.code === 'EACCES') {
    const found = result.code === 'ENOENT' ? 'it is not there' : 'it may not be executed';
    const hint = 'Install HAProxy, or set haproxy.binary.';
    throw new SystemError(`asking ${binary} for its version: ${found}`, { hint, cause: result.cause });
  }
  const version = parseVersion(result.all ?? '');
  if (result.exitCode === 0 && version) return version;
  throw new SystemError(
    `asking ${binary} for its version: found no HAProxy, but "${firstLine(result.all)}"`,
    {
      hint: 'Set haproxy.binary to the HAProxy that shall judge the configuration.',
    },
  );
}

/** Reads `2.6.12-1+deb12u4` or `HAProxy version 3.0.11 …`. Null where there is no version in it. */
export function parseVersion(text: string): HaproxyVersion | null {
  const found = /(?:HA-?Proxy version |^)((\d+\.\d+)[\w.+~-]*)/m.exec(text);
  if (!found?.[1] || !found[2]) return null;
  return { full: found[1], branch: found[2] };
}

function firstLine(text: string | undefined): string {
  return (text ?? '').split('\n')[0] ?? '';
}
