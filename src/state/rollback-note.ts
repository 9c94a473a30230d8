import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { SystemError } from '../errors.ts';
import { shorten } from '../model/shorten.ts';
import { hashText } from '../plan/mark.ts';
import type { RollbackNote, RollbackWish } from '../ports/stores.ts';
import { explainFileError } from '../system/file-error.ts';
import { removeStateFile, writeStateFile } from './state-file.ts';
import { STATE_VERSIONS } from './versions.ts';

/**
 * The rollback of this host, in `stateDir`/rollback: one JSON with the text itself, so that it holds whatever becomes of the ledger. It
 * is replaced whole, and belongs to who has the folder, also where somebody else writes it.
 */
export function createRollbackNote(stateDir: string): RollbackNote {
  const file = path.join(stateDir, 'rollback');
  let last: { readonly stamp: string; readonly wish: Promise<RollbackWish | null> } | undefined;
  const read = async () => {
    const stamp = await stampOf(file);
    if (last?.stamp !== stamp) {
      last = { stamp, wish: stamp === '' ? Promise.resolve(null) : readWish(file) };
    }
    return last.wish;
  };
  return {
    read,
    async write({ since, until, ...wish }) {
      const moments = {
        since: new Date(since).toISOString(),
        until: until === null ? null : new Date(until).toISOString(),
      };
      const text = `${JSON.stringify({ version: STATE_VERSIONS.rollback, ...moments, ...wish })}\n`;
      const owner = await stat(stateDir).catch(() => null);
      const own = owner && process.geteuid?.() === 0 ? { uid: owner.uid, gid: owner.gid } : {};
      await writeStateFile(file, text, own);
    },
    async clear() {
      const before = await read().catch(() => null);
      await removeStateFile(file);
      return before;
    },
  };
}

/** What tells one file from the next in its place; '' where there is none. */
async function stampOf(file: string): Promise<string> {
  try {
    const { ino, size, mtimeNs } = await stat(file, { bigint: true });
    return `${ino} ${size} ${mtimeNs}`;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      return '';
    }
    throw explainFileError(error, `reading ${file}`);
  }
}

async function readWish(file: string): Promise<RollbackWish | null> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    // It was taken back right now.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      return null;
    }
    throw explainFileError(error, `reading ${file}`);
  }
  const wish = wishIn(text);
  if (wish === null) {
    throw new SystemError(`reading ${file}: it is no rollback that was written whole`, {
      hint: 'pointsman resume removes it; pointsman rollback N begins another one.',
    });
  }
  return wish;
}

function wishIn(text: string): RollbackWish | null {
  try {
    const json: Readonly<Record<string, unknown>> = JSON.parse(text);
    const { number, mode, by, hash, text: old } = json;
    const since = Date.parse(String(json.since));
    const until = json.until === null ? null : Date.parse(String(json.until));
    const isWhole =
      typeof number === 'number' &&
      (mode === 'today' || mode === 'exact') &&
      typeof by === 'string' &&
      typeof old === 'string' &&
      hash === hashText(old) &&
      !Number.isNaN(since) &&
      !Number.isNaN(until ?? 0);
    return isWhole ? { number, mode, since, until, by: shorten(by), hash, text: old } : null;
  } catch {
    return null;
  }
}
