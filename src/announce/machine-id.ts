import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { PointsmanError } from '../errors.ts';
import { readText } from '../system/read-text.ts';
import { writeWhole } from '../system/write-whole.ts';

const MACHINE_ID = '/etc/machine-id';

/**
 * What this machine is called in `meta.owner`, the same at every start: systemd's machine id, which a container has where
 * `/etc/machine-id` is mounted into it; else one that is made once and kept in `stateDir`; else the name of the host.
 */
export async function machineId(stateDir: string, file = MACHINE_ID): Promise<string> {
  const known = await read(file);
  if (known !== null) {
    return known;
  }
  const own = path.join(stateDir, 'machine-id');
  const made = await read(own);
  if (made !== null) {
    return made;
  }
  const fresh = randomUUID().replaceAll('-', '');
  try {
    await mkdir(stateDir, { recursive: true, mode: 0o750 });
    await writeWhole(own, `${fresh}\n`, { mode: 0o640 });
    return fresh;
  } catch {
    return hostname();
  }
}

async function read(file: string): Promise<string | null> {
  try {
    const text = (await readText(file))?.trim() ?? '';
    return /^[0-9a-f-]{8,64}$/.test(text) ? text : null;
  } catch (error) {
    if (error instanceof PointsmanError) {
      return null;
    }
    throw error;
  }
}
