import { askSocket, type SocketAddress, socketError } from './socket-command.ts';

/** Asks for the mark of the text that runs; see `parseMark`. */
export const ASK_MARK = 'get var proc.pointsman_mark';

/** The lines of `show info` that say which worker answers. */
export interface RuntimeInfo {
  readonly pid: number;
  readonly version: string;
  /** It takes no new connections any more: an old worker. */
  readonly stopping: boolean;
  /** Seconds. */
  readonly uptime: number;
}

/** A client of the stats socket (Runtime API; management guide 9.3): a fresh connection per command. */
export class RuntimeSocket {
  readonly #address: SocketAddress;

  constructor(path: string, timeout = 10_000) {
    this.#address = { path, role: 'stats socket', timeout };
  }

  /** Throws a `SocketError`. */
  command(text: string, signal: AbortSignal): Promise<string> {
    return askSocket(this.#address, text, signal);
  }

  /** Throws a `SocketError`, also where something else than a HAProxy answers. */
  async info(signal: AbortSignal): Promise<RuntimeInfo> {
    const answer = await this.command('show info', signal);
    const info = parseInfo(answer);
    if (!info) {
      throw socketError(this.#address, answer.trim() === '' ? 'cut' : 'stranger');
    }
    return info;
  }

  /** The mark of the text that it runs, null where it has none. */
  async mark(signal: AbortSignal): Promise<string | null> {
    const answer = await this.command(ASK_MARK, signal);
    // A worker without a mark says so: nothing at all is the end of a worker.
    if (answer === '') {
      throw socketError(this.#address, 'cut');
    }
    return parseMark(answer);
  }
}

/** Reads `show info`; null where it is something else. */
export function parseInfo(answer: string): RuntimeInfo | null {
  const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(answer)?.[1];
  const pid = field('Pid');
  const version = field('Version');
  if (pid === undefined || version === undefined) {
    return null;
  }
  const stopping = field('Stopping') === '1';
  return { pid: Number(pid), version, stopping, uptime: Number(field('Uptime_sec') ?? 0) };
}

/**
 * Reads `get var`: `proc.x: type=str value=<H>`. Null for `Variable not found.` (2.6 and 3.0, also for a name
 * that no text has used) and for a variable without a text in it.
 */
export function parseMark(answer: string): string | null {
  return /value=<([^>]+)>/.exec(answer)?.[1] ?? null;
}
