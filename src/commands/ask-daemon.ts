import path from 'node:path';
import { text } from 'node:stream/consumers';
import { PointsmanError } from '../errors.ts';
import type { ControlRefusal } from '../status/control-socket.ts';
import type { StatusJson } from '../status/status-json.ts';
import { request } from '../system/http.ts';
import { callerOf } from '../system/our-user.ts';
import type { Io } from './io.ts';

/** Milliseconds that the daemon may take to answer. */
const PATIENCE = 2_000;

/** What the daemon of a state folder says. */
export type DaemonSays =
  | { readonly kind: 'answered'; readonly body: unknown }
  | { readonly kind: 'no daemon' }
  /** One is there, or something in the way of it: what is known. */
  | { readonly kind: 'silent'; readonly why: string };

/** What it answers to `GET /status`. */
export type DaemonStatus = StatusJson & { readonly pid: number };

/** What it is asked. */
export interface Question {
  /** With POST it is told who asks. @default GET */
  readonly method?: 'GET' | 'POST';
  /** `/status`, with its query. */
  readonly path: string;
  /** What else there is to say, with POST. */
  readonly body?: Readonly<Record<string, unknown>>;
}

/** Where the daemon of a state folder answers the commands of its host. */
export function controlSocketOf(stateDir: string): string {
  return path.join(stateDir, 'control.sock');
}

/**
 * Asks the daemon of a state folder. Throws what the daemon refuses as a `PointsmanError`, and what `signal` aborts with; that
 * there is none, or none that answers in 2 s, is no error.
 */
export async function askDaemon(
  stateDir: string,
  question: Question,
  io: Pick<Io, 'signal' | 'env'>,
): Promise<DaemonSays> {
  const until = AbortSignal.any([io.signal, AbortSignal.timeout(PATIENCE)]);
  let answer: Answer;
  try {
    answer = await ask(controlSocketOf(stateDir), { question, by: callerOf(io.env), signal: until });
  } catch (error) {
    io.signal.throwIfAborted();
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ECONNREFUSED') {
      return { kind: 'no daemon' };
    }
    return { kind: 'silent', why: until.aborted ? `no answer in ${PATIENCE / 1000} s` : message };
  }
  const { status, body } = answer;
  if (status === 200) {
    return { kind: 'answered', body };
  }
  const { error } = body as Partial<ControlRefusal>;
  if (error === undefined || error.code === 'unknown') {
    return { kind: 'silent', why: error?.message ?? `an answer of another version (${status})` };
  }
  const { code, message, hint } = error;
  throw new PointsmanError(code === 'bug' ? 'system' : code, `asking the daemon: ${message}`, { hint });
}

/** Says why the daemon was not heard, and what is done instead. Nothing where there is none, and that is as good. */
export function sayInstead(io: Pick<Io, 'err'>, stateDir: string, says: DaemonSays, instead: string): void {
  if (says.kind === 'silent') {
    io.err(`asking the daemon on ${controlSocketOf(stateDir)}: ${says.why}; ${instead}`);
  }
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

async function ask(
  socketPath: string,
  {
    question,
    by,
    signal,
  }: { readonly question: Question; readonly by: string; readonly signal: AbortSignal },
): Promise<Answer> {
  const { method = 'GET', path, body } = question;
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const headers = method === 'POST' ? { 'content-type': 'application/json' } : {};
  const asked = request({ socketPath, path, method, headers, signal, agent: false }, (response) => {
    const read = async () => ({ status: response.statusCode ?? 0, body: JSON.parse(await text(response)) });
    read().then(resolve, reject);
  });
  asked.on('error', reject);
  asked.end(method === 'POST' ? JSON.stringify({ ...body, by, answerBy: Date.now() + PATIENCE }) : undefined);
  return promise;
}
