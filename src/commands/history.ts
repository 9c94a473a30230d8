import { PointsmanError, UsageError } from '../errors.ts';
import type { LedgerEntry } from '../ledger/ledger-entry.ts';
import {
  type LedgerFiles,
  type LedgerText,
  MOST_ENTRIES,
  readLedger,
  refuseUnreadable,
} from '../ledger/read-ledger.ts';
import { diffTexts } from '../ledger/text-diff.ts';
import { visibleLines } from '../model/visible.ts';
import { nextPicture, takePicture } from '../plan/picture.ts';
import { keptVersions } from '../state/config-file.ts';
import { type CommonFlags, EXIT, type ExitCode, type Io } from './io.ts';
import { momentOf } from './ledger-questions.ts';
import { describeEntry, rowOf } from './ledger-words.ts';
import { settingsOf } from './open.ts';

/** The flags of `history`. */
export interface HistoryFlags extends CommonFlags {
  readonly service?: string;
  readonly key?: string;
  readonly since?: string;
  readonly limit?: string;
  readonly json?: boolean;
}

/** The last passes that changed something or failed, the newest last; with `show N` one of them, with `show N..M` what differs between their texts. */
export async function history(io: Io, flags: HistoryFlags, words: readonly string[] = []): Promise<ExitCode> {
  const { stateDir } = await settingsOf(io, flags, 'optional');
  const ledger = readLedger(stateDir);
  await refuseUnreadable(stateDir);
  const [verb, what, ...rest] = words;
  if (verb !== undefined) {
    if (verb !== 'show' || what === undefined || rest.length > 0) {
      throw new UsageError(`reading ${words.join(' ')}: expected nothing, show N or show N..M`, {
        hint: 'For example pointsman history show 41.',
      });
    }
    await show(io, ledger, { what, stateDir, json: flags.json ?? false });
    return EXIT.fine;
  }
  const { service, key, since } = flags;
  const limit = flags.limit === undefined ? (since === undefined ? 20 : MOST_ENTRIES) : numberOf(flags.limit);
  const found = await ledger.history({
    ...(service === undefined ? {} : { service }),
    ...(key === undefined ? {} : { key }),
    ...(since === undefined ? {} : { since: momentOf(since) }),
    limit,
    diffs: flags.json ?? false,
  });
  if (flags.json) {
    io.out(`${JSON.stringify(found, null, 2)}\n`);
    return EXIT.fine;
  }
  io.out(
    visibleLines(
      found
        .toReversed()
        .map((entry) => `${rowOf(entry)}\n`)
        .join(''),
    ),
  );
  if (found.length === 0) {
    io.err(nothingFound(stateDir, flags));
  }
  return EXIT.fine;
}

/** What to say where nothing fits. */
export function nothingFound(stateDir: string, { service, key, since }: HistoryFlags): string {
  const about = [
    ...(service === undefined ? [] : [`about the service ${service}`]),
    ...(key === undefined ? [] : [`about the key ${key}`]),
    ...(since === undefined ? [] : [`since ${since}`]),
  ];
  return `nothing is written down in ${stateDir}/history ${about.join(' and ')}`.trimEnd();
}

async function show(
  io: Io,
  ledger: LedgerFiles,
  { what, stateDir, json }: { readonly what: string; readonly stateDir: string; readonly json: boolean },
): Promise<void> {
  const [from, to] = what.split('..');
  const number = numberOf(from ?? '');
  if (to === undefined) {
    const entry = await entryIn(ledger, number);
    io.out(
      json
        ? `${JSON.stringify(entry, null, 2)}\n`
        : visibleLines(describeEntry(entry, await keptRow(stateDir, entry))),
    );
    return;
  }
  const [before, after] = [await textIn(ledger, number), await textIn(ledger, numberOf(to))];
  const old = takePicture(before.text);
  const { diff } = await diffTexts(old, nextPicture(old, after.text));
  io.out(visibleLines(diff === '' ? '' : `--- ${from} (${before.hash})\n+++ ${to} (${after.hash})\n${diff}`));
}

/** Where the whole text of an entry is kept as well, as a row. */
export async function keptRow(
  stateDir: string,
  { hash }: LedgerEntry,
): Promise<readonly (readonly [string, string])[]> {
  const kept = (await keptVersions(stateDir)).find(({ mark }) => mark === hash);
  return kept ? [['kept as', kept.path]] : [];
}

/** An entry that a person named. Throws a `UsageError`. */
export async function entryIn(ledger: LedgerFiles, number: number): Promise<LedgerEntry> {
  const entry = await ledger.entry(number);
  if (entry === null) {
    throw new UsageError(`reading the ledger: it has no entry ${number}`, {
      hint: 'pointsman history lists them; the oldest go.',
    });
  }
  return entry;
}

/** The text of an entry that a person named. Throws a `UsageError`, and a `PointsmanError` where it cannot be rebuilt. */
export async function textIn(ledger: LedgerFiles, number: number): Promise<LedgerText> {
  const { hash } = await entryIn(ledger, number);
  if (hash === null) {
    throw new UsageError(`reading the ledger: entry ${number} has no text: nothing was drawn`);
  }
  const text = await ledger.textOf(number);
  if (text === null) {
    throw new PointsmanError(
      'system',
      `reading the ledger: the text of entry ${number} cannot be rebuilt: a line of its file is broken, or it was too large to keep`,
    );
  }
  return text;
}

/** A number that a person wrote. Throws a `UsageError`. */
export function numberOf(text: string): number {
  if (/^[1-9]\d{0,9}$/.test(text)) {
    return Number(text);
  }
  throw new UsageError(`reading ${text === '' ? 'a number' : text}: expected a whole number over 0`, {
    hint: 'pointsman history lists the numbers.',
  });
}
