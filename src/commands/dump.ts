import { rejection } from '../model/rejection.ts';
import { writeTree } from '../sources/write-tree.ts';
import { EXIT, type ExitCode, type FromFlags, type Io } from './io.ts';
import { entriesOf, settingsOf } from './open.ts';
import { rejectionLine } from './services.ts';

/** Prints the watched tree in the form that `--from` and the file source read. */
export async function dump(io: Io, flags: FromFlags): Promise<ExitCode> {
  const settings = await settingsOf(io, flags);
  const entries = await entriesOf(io, settings, flags.from);
  for (const entry of entries) {
    if (entry.refused !== undefined) {
      io.err(rejectionLine(rejection(entry, entry.refused)));
    }
  }
  const whole = entries.filter(({ refused }) => refused === undefined);
  io.out(writeTree(whole, settings.prefixes));
  return EXIT.fine;
}
