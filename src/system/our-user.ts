import { userInfo } from 'node:os';

/** The user that this process runs as, for messages about what it may not do: `user haproxy (uid 99)`, `uid 99`. */
export function ourUser(): string {
  const uid = process.geteuid?.();
  try {
    const { username } = userInfo();
    return uid === undefined ? `user ${username}` : `user ${username} (uid ${uid})`;
  } catch {
    // A container's user often has no name.
    return uid === undefined ? 'our user' : `uid ${uid}`;
  }
}
