import { type Emit, noticeOf } from '../events.ts';
import type { ConfigFile } from '../ports/config-file.ts';

/** Longer diffs are cut: the copy has all of it. */
const MOST_LINES = 80;

/**
 * The same file, but what somebody else wrote into it right before it is published is kept and told: the file is
 * followed a few times in a second only, so nobody may have seen it yet.
 */
export function withKeptEdits(file: ConfigFile, emit: Emit): ConfigFile {
  /** What lay there when it was last read or published. */
  let last: string | null = null;
  return {
    path: file.path,
    keep: (fileText) => file.keep(fileText),
    lastKept: () => file.lastKept(),
    watch: (signal) => file.watch(signal),
    keepEdit: (fileText) => file.keepEdit(fileText),
    async read() {
      last = await file.read();
      return last;
    },
    async publish(fileText) {
      const good = last;
      const replaced = await file.publish(fileText);
      last = fileText;
      if (replaced !== null && replaced !== good && replaced !== fileText) {
        await tellEdit({ file, emit }, { found: replaced, good });
      }
      return replaced;
    },
  };
}

/** Keeps what was `found` in the file (null: it was removed), and tells in what it differs from the `good` text. */
export async function tellEdit(
  { file, emit }: { readonly file: ConfigFile; readonly emit: Emit },
  { found, good }: { readonly found: string | null; readonly good: string | null },
): Promise<void> {
  const kept = found === null ? null : await keepEdit({ file, emit }, found);
  const diff =
    found === null ? '(the file was removed)' : await diffOf(file.path, { from: good ?? '', to: found });
  emit({ kind: 'hand-edit', path: file.path, kept, diff });
}

/** Gives the path of the copy. An edit that cannot be kept (a full disk) is put right all the same: null. */
export async function keepEdit(
  { file, emit }: { readonly file: ConfigFile; readonly emit: Emit },
  text: string,
): Promise<string | null> {
  try {
    return await file.keepEdit(text);
  } catch (error) {
    emit(noticeOf(error));
    return null;
  }
}

async function diffOf(path: string, texts: { readonly from: string; readonly to: string }): Promise<string> {
  const { createTwoFilesPatch } = await import('diff');
  const patch = createTwoFilesPatch(path, path, texts.from, texts.to, 'as published', 'as found', {
    context: 2,
    timeout: 1000,
  });
  if (patch === undefined) {
    return '(too different to show)';
  }
  // The first line is a rule of equal signs.
  const lines = patch.trimEnd().split('\n').slice(1);
  const rest = lines.length - MOST_LINES;
  return [...lines.slice(0, MOST_LINES), ...(rest > 0 ? [`… and ${rest} lines more`] : [])].join('\n');
}
