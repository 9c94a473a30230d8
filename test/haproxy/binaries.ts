import { haproxyVersion } from '../../src/haproxy/version.ts';

/** Every HAProxy that the tests of this folder run on. */
export async function binaries(): Promise<readonly { binary: string; branch: string }[]> {
  const found: { binary: string; branch: string }[] = [];
  for (const binary of ['haproxy']) found.push({ binary, branch: (await haproxyVersion(binary)).branch });
  return found;
}
