import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { hashText, splitMark } from '../plan/mark.ts';
import type { Serial } from '../ports/serial.ts';
import type { HandRecord } from './hand-record.ts';
import { loadedBy, otherFilesOf } from './loaded-files.ts';
import { parseServerRows } from './runtime-server-rows.ts';
import { ASK_MARK, parseMark, RuntimeSession } from './runtime-session.ts';
import { workerId } from './server-journal.ts';
import { serversByHand } from './server-state-rows.ts';
import { whereNoAnswer } from './socket-command.ts';

export interface HandWatchOptions {
  readonly statsSocket: string;
  /** The file that HAProxy loads. */
  readonly configPath: string;
  readonly hands: HandRecord;
  /** Where batches take turns with others that list servers. */
  readonly servers: Serial;
  /** Milliseconds between two looks. */
  readonly every: number;
}

/** Looks again and again at what a person set of HAProxy's servers, until `signal` aborts: then it ends. */
export async function watchHands(options: HandWatchOptions, signal: AbortSignal): Promise<void> {
  await options.hands.load();
  while (!signal.aborted) {
    await options.servers
      .run(() => whereNoAnswer(look(options, signal), () => undefined))
      .catch((error: unknown) => {
        if (!signal.aborted) {
          throw error;
        }
      });
    await sleep(options.every, undefined, { signal, ref: false }).catch(() => undefined);
  }
}

/** While HAProxy is ahead of the file, or somebody edited that, it says nothing about what runs. */
async function look(
  { statsSocket, configPath, hands }: HandWatchOptions,
  signal: AbortSignal,
): Promise<void> {
  const { text, mark } = splitMark(await readFile(configPath, 'utf8').catch(() => ''));
  if (mark === null || mark !== hashText(text)) {
    return;
  }
  await using session = new RuntimeSession(statsSocket, signal);
  const [info, ran, list] = await Promise.all([
    session.info(),
    session.ask(ASK_MARK),
    session.ask('show servers state'),
  ]);
  const rows = parseServerRows(list);
  if (rows === null || info.stopping || parseMark(ran) !== mark) {
    return;
  }
  const others = await otherFilesOf(session, loadedBy(info), configPath);
  await hands.saw(serversByHand(rows, text, others.kind === 'read' ? others.before : []), workerId(info));
}
