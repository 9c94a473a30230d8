import { SystemError, UsageError } from '../errors.ts';
import { readLedger } from '../ledger/read-ledger.ts';
import { parseDuration } from '../model/duration.ts';
import { tryRollback } from '../reconcile/try-rollback.ts';
import type { Settings } from '../settings/settings.ts';
import { createRollbackNote } from '../state/rollback-note.ts';
import { shortList } from '../status/words.ts';
import { callerOf } from '../system/our-user.ts';
import { TemplateFolder } from '../templates/template-folder.ts';
import { askDaemon, type DaemonSays, sayInstead } from './ask-daemon.ts';
import { numberOf } from './history.ts';
import { type CommonFlags, EXIT, type ExitCode, type Io } from './io.ts';
import { believedLast, fillFrom, judgeAsPublished, settingsOf, shellOf } from './open.ts';
import { previewOf } from './preview.ts';
import type { RollbackAnswer } from './rollback-questions.ts';
import { LONGEST_EXACT, outcomeOf, type RollbackAsked, wishOf } from './rollback-tries.ts';

/** The flags of `rollback`. */
export interface RollbackFlags extends CommonFlags {
  readonly exact?: boolean;
  readonly for?: string;
}

/** So many names of a kind are shown. */
const SHOWN = 10;

/**
 * Puts back the text of an entry of the ledger, until `resume`: with today's servers, or with `--exact` the very text for a while. It is judged
 * first; where no daemon answers, here, and the next one goes on from it.
 */
export async function rollback(io: Io, flags: RollbackFlags, word: string): Promise<ExitCode> {
  const asked = askedBy(io, flags, word);
  const settings = await settingsOf(io, flags);
  const { stateDir } = settings;
  io.waitsFor('the daemon to try and apply it');
  const { number, mode, until } = asked;
  const question = { method: 'POST', path: '/rollback', body: { number, mode, until } } as const;
  let says = await askDaemon(stateDir, question, io);
  if (says.kind !== 'answered') {
    sayInstead(io, stateDir, says, 'it is written down for it instead');
    return byFile(io, settings, asked, says);
  }
  let answer = says.body as RollbackAnswer;
  while (answer.state === 'working') {
    says = await askDaemon(stateDir, { path: `/rollback?job=${answer.job}` }, io);
    if (says.kind === 'no daemon') {
      throw new SystemError(`rolling back to ${number}: the daemon ended meanwhile`, {
        hint: 'pointsman status says what holds once it runs again; pointsman resume ends it.',
      });
    }
    answer = says.kind === 'answered' ? (says.body as RollbackAnswer) : answer;
  }
  tell(io, asked, answer);
  return EXIT.fine;
}

function askedBy(io: Io, flags: RollbackFlags, word: string): RollbackAsked {
  const number = numberOf(word);
  const by = callerOf(io.env);
  const { exact = false, for: length } = flags;
  if (!exact) {
    if (length !== undefined) {
      throw new UsageError(
        "reading the flags: --for goes with --exact: with today's servers a rollback holds until pointsman resume",
      );
    }
    return { number, mode: 'today', until: null, by };
  }
  const ms = length === undefined ? null : parseDuration(length);
  if (ms === null || ms === 0 || ms > LONGEST_EXACT) {
    throw new UsageError(
      `reading --for ${length ?? ''}: with --exact it has to be said for how long, over 0 and up to 2h: its servers are those of then`,
      { hint: 'For example --exact --for 30m.' },
    );
  }
  return { number, mode: 'exact', until: Date.now() + ms, by };
}

function tell(io: Io, { number, mode, until }: RollbackAsked, answer: RollbackAnswer): void {
  if (answer.state === 'same') {
    io.out(`nothing to do: what is served is the text of ${number} already\n`);
    return;
  }
  const how = mode === 'exact' ? 'its text as it was' : "its text with today's servers";
  const end = until === null ? '' : `until ${new Date(until).toISOString()}, or `;
  const { pass, emptied, absent, leftOut } = answer;
  const lines = [
    `rolled back to ${number}: ${how}; it holds ${end}until pointsman resume`,
    ...(emptied.length > 0 ? [`  without servers now: ${shortList(emptied, SHOWN)}`] : []),
    ...(absent.length > 0 ? [`  not there, since ${number} has them not: ${shortList(absent, SHOWN)}`] : []),
    ...(leftOut > 0
      ? [`  left out: ${leftOut} servers whose addresses others have by now (pointsman status)`]
      : []),
    ...(pass === null
      ? ['  it has not gone out yet: pointsman status says what it waits for']
      : pass.error === null
        ? []
        : [`  it has not gone out yet: ${pass.error}`]),
  ];
  io.out(`${lines.join('\n')}\n`);
}

/** Judges it by itself, with the keys as the sources say, else as they were believed last, and writes it down. */
async function byFile(
  io: Io,
  settings: Settings,
  asked: RollbackAsked,
  says: Exclude<DaemonSays, { kind: 'answered' }>,
): Promise<ExitCode> {
  const { stateDir, template } = settings;
  const wish = await wishOf(readLedger(stateDir), asked);
  const { served, drawing } = await previewOf(io, settings);
  await drawing.templates.set(await new TemplateFolder(template).read());
  await fillFrom(io, settings, { served }).catch(async (error: unknown) => {
    const known = await believedLast(settings);
    if (known.length === 0 || io.signal.aborted) {
      throw error;
    }
    served.fill(known);
  });
  const shell = await shellOf(settings, () => {});
  io.waitsFor('the verdict of HAProxy (haproxy.checkCommand)');
  const check = (text: string) => judgeAsPublished(shell, settings, text, io.signal);
  const rolledBack = outcomeOf(wish, await tryRollback(wish, { served, drawing, check }));
  if (rolledBack === null) {
    tell(io, asked, { job: 0, state: 'same', emptied: [], absent: [], leftOut: 0, pass: null });
    return EXIT.fine;
  }
  await createRollbackNote(stateDir).write(wish);
  const { emptied, absent, leftOut } = rolledBack;
  const error =
    says.kind === 'silent'
      ? `the daemon on ${stateDir} takes it up as soon as it can`
      : `no daemon runs on ${stateDir}, and the next one begins with it`;
  const pass = { outcome: 'waiting', error };
  tell(io, asked, { job: 0, state: 'held', emptied, absent, leftOut: leftOut.length, pass });
  return EXIT.fine;
}
