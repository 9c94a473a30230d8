import { type Emit, noticeOf } from '../events.ts';
import type { ConfigFile } from '../ports/config-file.ts';

/** Longer diffs are cut: the copy has all of it. */
const MOST_LINES = 80;

/** Where edits are kept and told. */
interface Edited {
  readonly file: ConfigFile;
  readonly emit: Emit;
}

/**
 * Publishes a text in the place of what was last `known` to lie there. What somebody else wrote right before that is
 * kept and told: the file is followed a few times in a second only, so nobody may have seen it yet.
 */
export async function publishOver(known: string | null, fileText: string, edited: Edited): Promise<void> {
  const replaced = await edited.file.publish(fileText);
  if (replaced !== null && replaced !== known && replaced !== fileText) {
    await tellEdit(edited, { found: replaced, good: known });
  }
}

/** Keeps what was `found` in the file (null: it was removed), and tells in what it differs from the `good` text. */
export async function tellEdit(
  { file, emit }: Edited,
  { found, good }: { readonly found: string | null; readonly good: string | null },
): Promise<void> {
  const kept = found === null ? null : await keepEdit({ file, emit }, found);
  const diff =
    found === null ? '(the file was removed)' : await diffOf(file.path, { from: good ?? '', to: found });
  emit({ kind: 'hand-edit', path: file.path, kept, diff });
}

/** Gives the path of the copy. An edit that cannot be kept (a full disk) is put right all the same: null. */
export async function keepEdit({ file, emit }: Edited, text: string): Promise<string | null> {
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
