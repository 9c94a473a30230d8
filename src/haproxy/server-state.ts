import { readFile } from 'node:fs/promises';
import { messageAndHint } from '../errors.ts';
import { globalLines } from '../plan/global-lines.ts';
import { splitMark } from '../plan/mark.ts';
import type { HaproxyControl } from '../ports/haproxy.ts';
import { Serial } from '../ports/serial.ts';
import type { FileAccess } from '../system/temp-file.ts';
import { writeWhole } from '../system/write-whole.ts';
import type { HandRecord } from './hand-record.ts';
import { loadedBy, otherFilesOf } from './loaded-files.ts';
import { changedSince } from './named-files.ts';
import { parseServerRows } from './runtime-server-rows.ts';
import { RuntimeSession } from './runtime-session.ts';
import { carryOver, filesOfDown, rowsOfHands, serversByHand } from './server-state-rows.ts';
import { whereNoAnswer } from './socket-command.ts';
import { withReload } from './with-reload.ts';

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

/** HAProxy's server-state file. */
export interface ServerStateFile {
  /** Empties it, also of what a killed process has left there. To be called before the first check. */
  clear(): Promise<void>;
  /**
   * Writes down who is DOWN and what a person set, just before a reload or a start, where the configuration asks for it.
   * `running` as in `HaproxyControl.reload`. Gives how many servers these are.
   */
  fill(running: string | null, signal: AbortSignal): Promise<number>;
  /** Holds who is DOWN and what a person set while HAProxy begins anew. */
  during<T>(
    begin: () => Promise<T>,
    of: { readonly running?: string | null; readonly signal: AbortSignal },
  ): Promise<T>;
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
  const write = async (content: string) => {
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
    async during(begin, { running = null, signal }) {
      await file.fill(running, signal);
      try {
        return await (isLoaded ? hands.handOver(begin) : begin());
      } finally {
        await file.clear();
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
  const rows = parseServerRows(await session.ask('show servers state')) ?? [];
  const info = await session.info();
  const { pid } = info;
  // What lies there now is what the new worker loads.
  const now = { pid, loadedAt: Number.POSITIVE_INFINITY };
  const others = await otherFilesOf(session, now, configPath);
  const before = others.kind === 'read' ? others.before : [];
  if (running !== null) {
    await hands.saw(serversByHand(rows, running, before), pid);
  }
  const changed = await changedSince(filesOfDown(rows, text, before), loadedBy(info).loadedAt);
  return carryOver(rows, { text, running, before, changed, isSame: (server) => hands.isSame(server) });
}

/** Nobody answers: what is known of a person's hand is for the HAProxy that is about to be started. */
async function rowsAtStart(text: string, hands: HandRecord): Promise<readonly string[]> {
  const known = await hands.load();
  return rowsOfHands(
    known.filter((server) => hands.isSame(server)),
    text,
  );
}

/** The same control, whose reloads carry over which servers are DOWN, and what a person set. */
export function keepHealth(control: HaproxyControl, file: ServerStateFile): HaproxyControl {
  return withReload(control, ({ running, signal }, reload) => file.during(reload, { running, signal }));
}
