import { readFile, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { hashText, splitMark } from '../plan/mark.ts';
import type { Serial } from '../ports/serial.ts';
import type { HandRecord } from './hand-record.ts';
import { withoutPlain } from './hand-state.ts';
import { loadedBy, otherFilesOf } from './loaded-files.ts';
import { parseServerRows, type ServerRow } from './runtime-server-rows.ts';
import { ASK_MARK, parseMark, RuntimeSession } from './runtime-session.ts';
import { workerId } from './server-journal.ts';
import { type ServerByHand, serversByHand } from './server-state-rows.ts';
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
  const look = lookAtHands(options);
  await options.hands.load();
  while (!signal.aborted) {
    await options.servers
      .run(() => whereNoAnswer(look(signal), () => undefined))
      .catch((error: unknown) => {
        if (!signal.aborted) {
          throw error;
        }
      });
    await sleep(options.every, undefined, { signal, ref: false }).catch(() => undefined);
  }
}

/**
 * One look. While HAProxy is ahead of the file, or somebody edited that, it says nothing about what runs. Most looks find what
 * the last one found: the text is read only where the file, or who may have been set, is another than before.
 */
function lookAtHands({ statsSocket, configPath, hands }: HandWatchOptions) {
  const fileMark = markReader(configPath);
  let last: { readonly of: string; readonly found: readonly ServerByHand[] } | null = null;
  return async (signal: AbortSignal): Promise<void> => {
    const mark = await fileMark();
    if (mark === null) {
      return;
    }
    await using session = new RuntimeSession(statsSocket, signal);
    const [info, ran, list] = await Promise.all([
      session.info(),
      session.ask(ASK_MARK),
      session.askFiltered('show servers state', withoutPlain),
    ]);
    const rows = parseServerRows(list);
    if (rows === null || info.stopping || parseMark(ran) !== mark) {
      return;
    }
    const of = JSON.stringify([mark, info.pid, rows.map(toldOf)]);
    if (last?.of !== of) {
      const { text } = splitMark(await readFile(configPath, 'utf8').catch(() => ''));
      if (hashText(text) !== mark) {
        return;
      }
      const others = await otherFilesOf(session, loadedBy(info), configPath);
      const before = others.kind === 'read' ? others.before : [];
      last = { of, found: serversByHand(rows, text, before) };
    }
    await hands.saw(last.found, workerId(info));
  };
}

function toldOf({ backend, server, admin, weight }: ServerRow): readonly unknown[] {
  return [backend, server, admin, weight];
}

/** Gives the mark of a file, null where it is not of its text; reads it only where it is another file than before. */
function markReader(file: string): () => Promise<string | null> {
  let last: { readonly place: string; readonly mark: string | null } | null = null;
  return async () => {
    const found = await stat(file, { bigint: true }).catch(() => null);
    if (found === null) {
      return null;
    }
    const place = `${found.dev} ${found.ino} ${found.size} ${found.mtimeNs} ${found.ctimeNs}`;
    if (last?.place !== place) {
      const { text, mark } = splitMark(await readFile(file, 'utf8').catch(() => ''));
      last = { place, mark: mark === hashText(text) ? mark : null };
    }
    return last.mark;
  };
}
