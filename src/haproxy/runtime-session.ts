import type { Socket } from 'node:net';
import {
  connectUntil,
  LONGEST_ANSWER,
  type SocketAddress,
  socketError,
  troubleOf,
} from './socket-command.ts';

/** Asks for the mark of the text that runs; see `parseMark`. */
export const ASK_MARK = 'get var proc.pointsman_mark';

const PROMPT = '\n> ';
/** HAProxy reads 16 KiB at once; 2.6 resets the connection at that. */
const MAX_LINE = 8000;
/** A session is short: it has so many times the time of one answer in all, whatever trickles in. */
const WHOLE = 6;
const NOT_PLAIN = /[^\x20-\x7e]/;

/** The lines of `show info` that say which worker answers. */
export interface RuntimeInfo {
  readonly pid: number;
  readonly version: string;
  /** It takes no new connections any more: an old worker. */
  readonly stopping: boolean;
  /** Seconds. */
  readonly uptime: number;
}

/** Makes whole lines of an answer fewer. */
export type LineFilter = (lines: string) => string;

interface Waiting {
  readonly resolve: (answer: string) => void;
  readonly reject: (error: unknown) => void;
  readonly filter: LineFilter | null;
}

/**
 * One short connection to a worker's stats socket, for many commands (`prompt` mode; management guide 9.3). It stays
 * with the worker that took it, and keeps that one alive after a reload: to be closed as soon as its batch is done.
 */
export class RuntimeSession implements AsyncDisposable {
  readonly #address: SocketAddress;
  readonly #socket: Socket;
  readonly #end: NodeJS.Timeout;
  /** What came of the answer that comes now, but for `#tail`. */
  #answer: string[] = [];
  /** How long it is until now. */
  #size = 0;
  /** Its last characters: the beginning of a prompt, or of a line that is to be filtered. */
  #tail = '';
  #waiting: Waiting[] = [];
  #failure: unknown;

  /** Opens one; commands can be sent at once. `timeout` (ms) counts from the last word on, and six times that for all. */
  constructor(path: string, signal: AbortSignal, timeout = 10_000) {
    this.#address = { path, role: 'stats socket', timeout };
    this.#socket = connectUntil(path, signal);
    this.#socket.setEncoding('utf8');
    const silent = () => this.#fail(socketError(this.#address, 'silent'));
    this.#socket.setTimeout(timeout, silent);
    this.#end = setTimeout(silent, WHOLE * timeout);
    this.#socket.on('data', (text: string) => this.#read(text));
    this.#socket.on('error', (error) =>
      this.#fail(signal.aborted ? signal.reason : socketError(this.#address, troubleOf(error), error)),
    );
    this.#socket.on('close', () => this.#fail(socketError(this.#address, 'cut')));
    void this.ask('prompt').catch(() => undefined);
  }

  /** One command, and its answer without line breaks at its end. Throws a `SocketError`, or the signal's reason. */
  ask(line: string): Promise<string> {
    return this.#ask(line, null);
  }

  /** The same for a long answer, of which `filter` leaves little while it comes: the whole is never held. */
  askFiltered(line: string, filter: LineFilter): Promise<string> {
    return this.#ask(line, filter);
  }

  #ask(line: string, filter: LineFilter | null): Promise<string> {
    if (!canBeSent(line)) {
      throw new Error(`a command that cannot be sent: ${line.slice(0, 200)}`);
    }
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) {
        reject(this.#failure);
        return;
      }
      this.#waiting.push({ resolve, reject, filter });
      this.#socket.write(`${line}\n`);
    });
  }

  /**
   * Several commands, all under way together, and the answer of each. A line each: joined by `;` HAProxy 3.2 and later
   * end them with one prompt, 2.6 and 3.0 with one for each.
   */
  askAll(lines: readonly string[]): Promise<string[]> {
    return Promise.all(lines.map((line) => this.ask(line)));
  }

  /** Who answers. Throws a `SocketError`, also where something else than a HAProxy does. */
  async info(): Promise<RuntimeInfo> {
    const info = parseInfo(await this.ask('show info'));
    if (!info) {
      throw socketError(this.#address, 'stranger');
    }
    return info;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#fail(socketError(this.#address, 'cut'));
    return Promise.resolve();
  }

  #read(text: string): void {
    this.#size += text.length;
    if (this.#size > LONGEST_ANSWER) {
      this.#fail(socketError(this.#address, 'stranger'));
      return;
    }
    let rest = this.#tail + text;
    for (let end = rest.indexOf(PROMPT); end !== -1; end = rest.indexOf(PROMPT)) {
      const filter = this.#waiting[0]?.filter;
      const last = rest.slice(0, end);
      const answer = [...this.#answer, filter ? filter(last) : last].join('');
      rest = rest.slice(end + PROMPT.length);
      this.#answer = [];
      this.#size = rest.length;
      this.#waiting.shift()?.resolve(answer.trim());
    }
    this.#tail = this.#keep(rest);
  }

  /** Takes up what belongs to the answer, and gives the rest, in which a prompt or a line may begin. */
  #keep(text: string): string {
    const filter = this.#waiting[0]?.filter;
    const end = filter ? text.lastIndexOf('\n') : text.length - PROMPT.length + 1;
    if (end <= 0) {
      return text;
    }
    const whole = text.slice(0, end);
    this.#answer.push(filter ? filter(whole) : whole);
    return text.slice(end);
  }

  #fail(why: unknown): void {
    if (this.#failure !== undefined) {
      return;
    }
    this.#failure = why;
    clearTimeout(this.#end);
    this.#socket.destroy();
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { reject } of waiting) {
      reject(why);
    }
  }
}

/** Whether a line can be sent: printable, one command, short enough. Its parts were checked when they were made. */
export function canBeSent(line: string): boolean {
  return line.length <= MAX_LINE && !NOT_PLAIN.test(line) && !line.includes(';') && line.trim() !== '';
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
