import type { Stats } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import path from 'node:path';

/** Who else than we and root can put things into a folder, or put another folder in its place. */
export type OtherWriters =
  | { readonly kind: 'nobody' }
  | {
      readonly kind: 'some' | 'everybody';
      /** `replace`: what others have put there too, so that no file in it is anybody's. */
      readonly may: 'add' | 'replace';
      readonly found: string;
      readonly hint: string;
    };

/** Looks at a folder and at what it stands in. What is not there yet is made by us, and closed. */
export async function otherWriters(folder: string): Promise<OtherWriters> {
  const real = await realpath(folder).catch(() => null);
  if (real === null) {
    const parent = path.dirname(folder);
    return parent === folder ? { kind: 'nobody' } : otherWriters(parent);
  }
  for (let above = real; ; above = path.dirname(above)) {
    const found = await stat(above);
    if (isOpenToAll(found)) {
      return {
        kind: 'everybody',
        may: 'replace',
        found: `everybody may replace what is in ${named(above, found)}`,
        hint: `chmod o-w ${above}`,
      };
    }
    if (above === path.dirname(above)) {
      break;
    }
  }
  return writersBy(real, await stat(real));
}

const STICKY = 0o1000;

function isOpenToAll({ mode }: Stats): boolean {
  return (mode & 0o002) !== 0 && (mode & STICKY) === 0;
}

/** Who else may write to a folder by its own mode, owner and group alone. */
export function writersBy(folder: string, found: Pick<Stats, 'mode' | 'uid' | 'gid'>): OtherWriters {
  const { mode, uid, gid } = found;
  const tell = (who: string, hint: string): OtherWriters => ({
    kind: who === 'everybody' ? 'everybody' : 'some',
    may: 'add',
    found: `${who} may write to ${named(folder, found)}`,
    hint,
  });
  if ((mode & 0o002) !== 0) {
    return tell('everybody', `chmod o-w ${folder}`);
  }
  if (uid !== 0 && uid !== process.geteuid?.()) {
    return tell(
      `uid ${uid}, its owner,`,
      `Give it to the user that Pointsman runs as, or run Pointsman as its owner.`,
    );
  }
  if ((mode & 0o020) !== 0 && gid !== 0 && gid !== process.getegid?.()) {
    return tell(`the group ${gid}`, `chmod g-w ${folder}`);
  }
  return { kind: 'nobody' };
}

function named(folder: string, { mode }: Pick<Stats, 'mode'>): string {
  return `${folder} (mode ${(mode & 0o7777).toString(8)})`;
}
