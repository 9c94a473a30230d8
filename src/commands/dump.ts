import { writeTree } from '../sources/write-tree.ts';
import type { CommonFlags, ExitCode, Io } from './io.ts';
import { EXIT } from './io.ts';
import { settingsOf } from './settings-of.ts';
import { entriesOf } from './tree-of.ts';

/** Prints the watched tree in the form that `--from` and the file source read. */
export async function dump(io: Io, flags: CommonFlags & { readonly from?: string }): Promise<ExitCode> {
  const settings = await settingsOf(io, flags, flags.from === undefined ? 'required' : 'optional');
  io.out(writeTree(await entriesOf(io, settings, flags.from), settings.prefixes));
  return EXIT.fine;
}
