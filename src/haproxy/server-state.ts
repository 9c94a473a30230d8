import { readFile } from 'node:fs/promises';
import { messageAndHint } from '../errors.ts';
import { globalLines } from '../plan/global-lines.ts';
import type { HaproxyControl } from '../ports/haproxy.ts';
import { Serial } from '../ports/serial.ts';
import type { FileAccess } from '../system/temp-file.ts';
import { writeWhole } from '../system/write-whole.ts';
import { otherFilesOf } from './loaded-files.ts';
import { parseServerRows } from './runtime-server-rows.ts';
import { RuntimeSession } from './runtime-session.ts';
import { healthRows } from './server-state-rows.ts';
import { whereNoAnswer } from './socket-command.ts';
import { withReload } from './with-reload.ts';

/** Where health passes from one worker to the next. */
export interface ServerStateOptions {
  /** The file that the configuration names by `server-state-file`. */
  readonly path: string;
  readonly statsSocket: string;
  /** The file that HAProxy is about to load. */
  readonly configPath: string;
  readonly access: FileAccess;
  /** Takes turns with what deletes servers (see `listInTurn`). @default no turns */
  readonly servers?: Serial;
  /** Told where the file cannot be written. */
  readonly onTrouble: (message: string) => void;
}

const EMPTY = '1\n';

/** HAProxy's server-state file. */
export interface ServerStateFile {
  /** Empties it, also of what a killed process has left there. To be called before the first check. */
  clear(): Promise<void>;
  /** Writes down who is DOWN, just before a reload, where the configuration asks for it. Gives how many these are. */
  fill(signal: AbortSignal): Promise<number>;
}

/**
 * The server-state file (management guide, "show servers state"). At rest it holds nothing, so that neither a
 * check nor a start of HAProxy finds anything in it; but it is there, for 2.6 warns where it is missing. Only while
 * HAProxy reloads it names the servers that are DOWN.
 */
export function serverStateFile(options: ServerStateOptions): ServerStateFile {
  const { path, access, servers = new Serial(), onTrouble } = options;
  let written: string | null = null;
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
  return {
    clear: () => write(EMPTY),
    async fill(signal) {
      const text = await readFile(options.configPath, 'utf8').catch(() => '');
      const named = globalLines(text).findLast(({ words }) => words[0] === 'server-state-file')?.words[1];
      const look = () => whereNoAnswer(rowsFor(text, options, signal), () => []);
      const rows = named === path ? await servers.run(look) : [];
      await write([EMPTY.trim(), ...rows, ''].join('\n'));
      return rows.length;
    },
  };
}

async function rowsFor(
  text: string,
  { statsSocket, configPath }: ServerStateOptions,
  signal: AbortSignal,
): Promise<string[]> {
  await using session = new RuntimeSession(statsSocket, signal);
  const rows = parseServerRows(await session.ask('show servers state')) ?? [];
  const { pid } = await session.info();
  // What lies there now is what the new worker loads.
  const now = { pid, loadedAt: Number.POSITIVE_INFINITY };
  const others = await otherFilesOf(session, now, configPath);
  return healthRows(rows, text, others.kind === 'read' ? others.before : []);
}

/** The same control, whose reloads carry over which servers are DOWN. */
export function keepHealth(control: HaproxyControl, file: ServerStateFile): HaproxyControl {
  return withReload(control, async (mark, signal, reload) => {
    await file.fill(signal);
    try {
      return await reload(mark, signal);
    } finally {
      await file.clear();
    }
  });
}
