import type { EtcdLink } from './etcd-link.ts';
import type { StoredKey } from './etcd-messages.ts';
import { refusalOfOneKey } from './refused-key.ts';

/**
 * Reads keys; null is what is not there. Many are read at one time, and where that is refused, by halves: whatever is
 * refused by itself is left out, and goes to `refuse`, which throws where it is not about that key.
 */
export async function readEach(
  link: EtcdLink,
  keys: readonly string[],
  signal: AbortSignal,
  refuse: (key: string, error: unknown) => void,
): Promise<ReadonlyMap<string, StoredKey | null>> {
  const [first] = keys;
  if (first === undefined) {
    return new Map();
  }
  try {
    const found = await link.read(keys, signal);
    return new Map(keys.map((key) => [key, found.get(key) ?? null]));
  } catch (error) {
    if (keys.length === 1) {
      refuse(first, error);
      return new Map();
    }
    if (refusalOfOneKey(error, first, undefined) === null) {
      throw error;
    }
  }
  const half = Math.ceil(keys.length / 2);
  return new Map([
    ...(await readEach(link, keys.slice(0, half), signal, refuse)),
    ...(await readEach(link, keys.slice(half), signal, refuse)),
  ]);
}
