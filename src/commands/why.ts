import { readLedger, refuseUnreadable } from '../ledger/read-ledger.ts';
import { visibleLines } from '../model/visible.ts';
import { keptRow, nothingFound } from './history.ts';
import { type CommonFlags, EXIT, type ExitCode, type Io } from './io.ts';
import { describeEntry } from './ledger-words.ts';
import { settingsOf } from './open.ts';

/** The flags of `why`. */
export interface WhyFlags extends CommonFlags {
  readonly service?: string;
  readonly key?: string;
  readonly json?: boolean;
}

/** The last change or failure: which key brought it, who, what changed, what was before, and what was said. */
export async function why(io: Io, flags: WhyFlags): Promise<ExitCode> {
  const { stateDir } = await settingsOf(io, flags, 'optional');
  await refuseUnreadable(stateDir);
  const { service, key } = flags;
  const [entry] = await readLedger(stateDir).history({
    ...(service === undefined ? {} : { service }),
    ...(key === undefined ? {} : { key }),
    limit: 1,
    diffs: true,
  });
  if (!entry) {
    io.err(nothingFound(stateDir, flags));
    return EXIT.fine;
  }
  io.out(
    flags.json
      ? `${JSON.stringify(entry, null, 2)}\n`
      : visibleLines(describeEntry(entry, await keptRow(stateDir, entry))),
  );
  return EXIT.fine;
}
