import { connect, type Socket } from 'node:net';
import { asError, SystemError } from '../errors.ts';
import { whatWouldLet } from '../system/denied.ts';

/** Why a socket gave no answer; whether waiting helps depends on it. */
export type SocketTrouble =
  /** No such file. */
  | 'missing'
  /** Nobody listens: dead, or in the middle of a reload. */
  | 'refused'
  /** Not ours to open. */
  | 'denied'
  /** It took the connection and said nothing in time. */
  | 'silent'
  /** The connection ended in the middle. */
  | 'cut'
  /** Somebody answers who is not what is looked for. */
  | 'stranger';

/** A socket of HAProxy that could not be asked. */
export class SocketError extends SystemError {
  readonly trouble: SocketTrouble;

  constructor(trouble: SocketTrouble, message: string, options: { hint: string; cause?: unknown }) {
    super(message, options);
    this.trouble = trouble;
  }

  /** Message and hint as one text, for a state that says what to do. */
  get advice(): string {
    return `${this.message}. ${this.hint ?? ''}`.trim();
  }
}

/** No HAProxy says more: its list of 100,000 servers has 10 million characters. */
export const LONGEST_ANSWER = 64 * 1024 * 1024;

/** Where to ask and how long. */
export interface SocketAddress {
  readonly path: string;
  /** For messages: `master socket` or `stats socket`. */
  readonly role: 'master socket' | 'stats socket';
  /** Milliseconds for the whole of a command. */
  readonly timeout: number;
}

/**
 * Connects to a socket, and destroys the connection where `signal` aborts. Node's own option `signal` of `connect` keeps
 * every connection for as long as the signal lives.
 */
export function connectUntil(path: string, signal: AbortSignal): Socket {
  const socket = connect({ path });
  const end = () => socket.destroy(asError(signal.reason));
  signal.addEventListener('abort', end, { once: true });
  socket.once('close', () => signal.removeEventListener('abort', end));
  if (signal.aborted) {
    end();
  }
  return socket;
}

/**
 * One command on a fresh connection, and the whole answer. The sending side is closed at once: the master
 * does not close after an answer. A held connection would stay with the worker that took it, whatever runs
 * by now. Throws a `SocketError`, or the signal's reason.
 */
export async function askSocket(
  address: SocketAddress,
  command: string,
  signal: AbortSignal,
): Promise<string> {
  signal.throwIfAborted();
  const socket = connectUntil(address.path, signal);
  const late = setTimeout(() => socket.destroy(socketError(address, 'silent')), address.timeout);
  try {
    socket.setEncoding('utf8').end(`${command}\n`);
    let answer = '';
    for await (const text of socket) {
      answer += text;
      if (answer.length > LONGEST_ANSWER) {
        throw socketError(address, 'stranger');
      }
    }
    return answer;
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof SocketError ? error : socketError(address, troubleOf(error), error);
  } finally {
    clearTimeout(late);
    socket.destroy();
  }
}

/** What `asked` gives; where a socket gives no answer, what `otherwise` makes of that. Whatever else is thrown is thrown on. */
export function whereNoAnswer<T>(asked: Promise<T>, otherwise: (error: SocketError) => T): Promise<T> {
  return asked.catch((error: unknown) => {
    if (error instanceof SocketError) {
      return otherwise(error);
    }
    throw error;
  });
}

/** The same, where no answer is as good as null. */
export function quietly<T>(asked: Promise<T>): Promise<T | null> {
  return whereNoAnswer<T | null>(asked, () => null);
}

/** What an error of a socket means. */
export function troubleOf(error: unknown): SocketTrouble {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return 'missing';
    case 'ECONNREFUSED':
      return 'refused';
    case 'EACCES':
    case 'EPERM':
      return 'denied';
    case 'ECONNRESET':
    case 'EPIPE':
      return 'cut';
    default:
      return 'stranger';
  }
}

/** The error for a trouble with a socket, with what to do about it. */
export function socketError(address: SocketAddress, trouble: SocketTrouble, cause?: unknown): SocketError {
  const setting = address.role === 'master socket' ? 'haproxy.masterSocket' : 'haproxy.statsSocket';
  const option = address.role === 'master socket' ? '-W -S' : 'stats socket';
  const words: Readonly<Record<SocketTrouble, readonly [found: string, hint: string]>> = {
    missing: [
      'there is no such socket',
      `Start HAProxy with it (${option}), or correct ${setting}; in containers, share its folder.`,
    ],
    refused: ['nobody listens on it', 'Start HAProxy again: what is there is left from one that ended.'],
    denied: ['it may not be opened', ''],
    silent: [
      `no answer in ${address.timeout / 1000} s`,
      'Look whether HAProxy is stopped or the machine is overloaded.',
    ],
    cut: ['the connection ended before the answer', 'HAProxy reloads or ends: look at its log.'],
    stranger: [
      cause instanceof Error ? `it is none (${cause.message})` : `what answers there is none`,
      `Correct ${setting}: it must be the path of HAProxy's ${address.role} (${option}), at most 107 bytes long.`,
    ],
  };
  const [found, known] = words[trouble];
  const hint = trouble === 'denied' ? whatWouldLetConnect(address.path) : known;
  return new SocketError(trouble, `asking the ${address.role} ${address.path}: ${found}`, { hint, cause });
}

function whatWouldLetConnect(path: string): string {
  const advice = `With one gid, "mode 660 group N" on the socket and 0750 on its folder do, or run Pointsman as HAProxy's user.`;
  return `${whatWouldLet('write', path)} ${advice}`;
}
