/** Why the store refuses one key. */
export interface OneKeysError {
  readonly found: string;
  readonly hint: string;
}

/**
 * Says whether an error of a call is about the keys in it and nothing else, and why `key` is refused then; null where it is about
 * the store, the connection or who we are.
 */
export function refusalOfOneKey(
  error: unknown,
  key: string,
  username: string | undefined,
): OneKeysError | null {
  if (isDenied(error)) {
    const user = username === undefined ? '' : ` to the user "${username}"`;
    const folder = key.slice(0, key.lastIndexOf('/') + 1);
    return {
      found: `permission denied${user}`,
      hint: `etcdctl role grant-permission ROLE readwrite --prefix ${folder}`,
    };
  }
  if (/request is too large|larger than max/i.test(String(error))) {
    return {
      found: 'what stands there, or is to stand there, is larger than etcd takes',
      hint: 'See what it says (etcdctl get), and give it fewer tags and meta.',
    };
  }
  return null;
}

/** Whether the store does not let us do it. */
export function isDenied(error: unknown): boolean {
  return String(error).includes('etcdserver: permission denied');
}
