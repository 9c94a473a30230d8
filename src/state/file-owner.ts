import { readFile } from 'node:fs/promises';
import { UsageError } from '../errors.ts';
import type { FileAccess } from '../system/temp-file.ts';

/** `output.mode`, `owner` and `group` as the settings have them: names or numbers, or nothing. */
export interface OutputAccess {
  /** Octal digits (`0640`) or a number. */
  readonly mode?: string | number | undefined;
  readonly owner?: string | number | undefined;
  readonly group?: string | number | undefined;
}

/**
 * Turns the names of the settings into the numbers of this machine (or container), by /etc/passwd and
 * /etc/group. Throws a `UsageError` for a name that is not there.
 */
export async function resolveAccess(
  output: OutputAccess,
  databases = { passwd: '/etc/passwd', group: '/etc/group' },
): Promise<FileAccess> {
  return {
    mode: typeof output.mode === 'string' ? Number.parseInt(output.mode, 8) : output.mode,
    uid: await resolveId(output.owner, databases.passwd, 'output.owner'),
    gid: await resolveId(output.group, databases.group, 'output.group'),
  };
}

async function resolveId(
  name: string | number | undefined,
  database: string,
  setting: string,
): Promise<number | undefined> {
  if (name === undefined || typeof name === 'number') {
    return name;
  }
  if (/^\d+$/.test(name)) {
    return Number(name);
  }
  const lines = (await readFile(database, 'utf8').catch(() => '')).split('\n').map((line) => line.split(':'));
  const id = lines.find((fields) => fields[0] === name)?.[2];
  if (id !== undefined) {
    return Number(id);
  }
  throw new UsageError(`${setting}: there is no "${name}" in ${database}`, {
    hint: 'Give the number instead: in a container the names of the host are not known.',
  });
}
