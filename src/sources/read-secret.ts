import { readFile } from 'node:fs/promises';
import { SourceError } from '../errors.ts';

/**
 * Reads a file that a setting of the etcd source names: a certificate, a key, a password.
 *
 * @throws SourceError that names the setting and the path.
 */
export async function readSecret(setting: string, path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    const found = cause instanceof Error ? cause.message : String(cause);
    throw new SourceError(`reading ${setting} of the etcd source: ${found}`, {
      hint: `${path} must be there and readable for the user that pointsman runs as`,
      cause,
    });
  }
}
