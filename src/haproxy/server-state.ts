import { readFile, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageAndHint } from '../errors.ts';
import { globalLines } from '../plan/global-lines.ts';
import { hashText, splitMark } from '../plan/mark.ts';
import { Serial } from '../ports/serial.ts';
import type { FileAccess } from '../system/temp-file.ts';
import { writeWhole } from '../system/write-whole.ts';
import type { AroundLoad } from './control-settings.ts';
import type { HandRecord } from './hand-record.ts';
import { loadedBy, otherFilesOf } from './loaded-files.ts';
import { changedSince } from './named-files.ts';
import { parseServerRows } from './runtime-server-rows.ts';
import { ASK_MARK, parseMark, RuntimeSession } from './runtime-session.ts';
import { workerId } from './server-journal.ts';
import { carryOver, filesOfDown, rowsOfHands, serversByHand } from './server-state-rows.ts';
import { whereNoAnswer } from './socket-command.ts';

/** Where health, and what a person set, passes from one worker to the next. */
export interface ServerStateOptions {
  /** The file that the configuration names by `server-state-file`. */
  readonly path: string;
  readonly statsSocket: string;
  /** The file that HAProxy is about to load. */
  readonly configPath: string;
  readonly access: FileAccess;
  /** Takes turns with what deletes servers (see `listInTurn`). @default no turns */
  readonly servers?: Serial;
  /** What a person set. */
  readonly hands: HandRecord;
  /** Told where the file cannot be written. */
  readonly onTrouble: (message: string) => void;
}

const EMPTY = '1\n';

/** Milliseconds for which HAProxy may be about to read what was written for its load. */
const LOADING = 10_000;

/** HAProxy's server-state file. */
export interface ServerStateFile {
  /**
   * Makes it, and empties it of what an earlier process has left there: at once, or where HAProxy may still be loading with
   * that, in a moment, unless `signal` aborts. To be called before the first check.
   */
  open(signal: AbortSignal): Promise<void>;
  /** Empties it. */
  clear(): Promise<void>;
  /**
   * Writes down who is DOWN and what a person set, just before a reload or a start, where the configuration asks for it.
   * `running` as in `HaproxyControl.reload`. Gives how many servers these are.
   */
  fill(running: string | null, signal: AbortSignal): Promise<number>;
  /** Holds who is DOWN and what a person set while HAProxy begins anew; where `signal` aborts that, until the next `open`. */
  readonly during: AroundLoad;
}

/**
 * The server-state file (management guide, "show servers state"). At rest it holds nothing, so that neither a
 * check nor a start of HAProxy finds anything in it; but it is there, for 2.6 warns where it is missing. Only while we
 * have HAProxy reload or start it names the servers that are DOWN and those that a person set.
 */
export function serverStateFile(options: ServerStateOptions): ServerStateFile {
  const { path, access, hands, servers = new Serial(), onTrouble } = options;
  let written: string | null = null;
  /** The configuration asks for it. */
  let isLoaded = false;
  let isLoading = false;
  const turns = new Serial();
  const write = (content: string) => turns.run(() => writeNow(content));
  const writeNow = async (content: string) => {
    if (content === written) {
      return;
    }
    written = null;
    try {
      await writeWhole(path, content, { ...access, doing: `writing ${path}`, outlives: 'our crash' });
      written = content;
    } catch (error) {
      const { message } = messageAndHint(error);
      onTrouble(`${message}: servers that are down get traffic after a reload until their next check`);
    }
  };
  const file: ServerStateFile = {
    clear: () => write(EMPTY),
    async open(signal) {
      const left = await stat(path).catch(() => null);
      const young = left && left.size > EMPTY.length ? left.mtimeMs + LOADING - Date.now() : 0;
      if (young <= 0) {
        await write(EMPTY);
        return;
      }
      void sleep(Math.min(young, LOADING), undefined, { signal, ref: false }).then(
        () => (isLoading ? undefined : write(EMPTY)),
        () => undefined,
      );
    },
    async fill(running, signal) {
      const { text } = splitMark(await readFile(options.configPath, 'utf8').catch(() => ''));
      const named = globalLines(text).findLast(({ words }) => words[0] === 'server-state-file')?.words[1];
      isLoaded = named === path;
      const look = () => whereNoAnswer(rowsFor({ text, running }, options, signal), () => null);
      const rows = isLoaded ? await servers.run(look) : [];
      const known = rows ?? (await rowsAtStart(text, hands));
      await write([EMPTY.trim(), ...known, ''].join('\n'));
      return known.length;
    },
    async during(load, { running, signal }) {
      isLoading = true;
      try {
        await file.fill(running, signal);
        return await (isLoaded ? hands.handOver(load) : load());
      } finally {
        isLoading = false;
        // HAProxy goes on with a load that nobody waits for any more.
        if (!signal.aborted) {
          await file.clear();
        }
      }
    },
  };
  return file;
}

async function rowsFor(
  { text, running }: { readonly text: string; readonly running: string | null },
  { statsSocket, configPath, hands }: ServerStateOptions,
  signal: AbortSignal,
): Promise<readonly string[]> {
  await using session = new RuntimeSession(statsSocket, signal);
  const [list, mark, info] = await Promise.all([
    session.ask('show servers state'),
    session.ask(ASK_MARK),
    session.info(),
  ]);
  const rows = parseServerRows(list) ?? [];
  const { pid } = info;
  // It may have been started anew since.
  const ran = parseMark(mark) === hashText(text) ? text : running;
  // What lies there now is what the new worker loads.
  const now = { pid, loadedAt: Number.POSITIVE_INFINITY };
  const others = await otherFilesOf(session, now, configPath);
  const before = others.kind === 'read' ? others.before : [];
  if (ran !== null) {
    await hands.saw(serversByHand(rows, ran, before), workerId(info));
  }
  const changed = await changedSince(filesOfDown(rows, text, before), loadedBy(info).loadedAt);
  return carryOver(rows, { text, running: ran, before, changed, isSame: (server) => hands.isSame(server) });
}

/** Nobody answers: what is known of a person's hand is for the HAProxy that is about to be started. */
async function rowsAtStart(text: string, hands: HandRecord): Promise<readonly string[]> {
  const known = await hands.load();
  return rowsOfHands(
    known.filter((server) => hands.isSame(server)),
    text,
  );
}
