import { userInfo } from 'node:os';

/** The user that this process runs as, for messages about what it may not do: `user haproxy (uid 99)`, `uid 99`. */
export function ourUser(): string {
  const uid = process.geteuid?.();
  const [name] = nameOf();
  if (name === undefined) {
    return uid === undefined ? 'our user' : `uid ${uid}`;
  }
  return uid === undefined ? `user ${name}` : `user ${name} (uid ${uid})`;
}

/** Who runs a command, for people: `uid 0 (root)`, `uid 0 (root, by sudo of alice)`, `uid 990`. */
export function callerOf(env: Readonly<Record<string, string | undefined>>): string {
  const uid = process.getuid?.();
  const sudo = env.SUDO_USER ? [`by sudo of ${env.SUDO_USER}`] : [];
  const names = [...nameOf(), ...sudo].join(', ');
  return uid === undefined ? names : `uid ${uid}${names === '' ? '' : ` (${names})`}`;
}

/** A container's user often has no name. */
function nameOf(): readonly string[] {
  try {
    return [userInfo().username];
  } catch {
    return [];
  }
}
