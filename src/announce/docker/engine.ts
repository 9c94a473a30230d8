import type { ClientRequest, IncomingMessage } from 'node:http';
import { asError, SystemError } from '../../errors.ts';
import { whatWouldLet } from '../../system/denied.ts';
import { Agent, request as startRequest } from '../../system/http.ts';
import {
  type Container,
  containerAnswer,
  type EngineEvent,
  eventAnswer,
  type Listed,
  listAnswer,
  parseJson,
  refusalAnswer,
  versionAnswer,
} from './engine-answers.ts';
import { type EngineEndpoint, engineName } from './engine-endpoint.ts';
import { type ApiVersion, versionToSpeak } from './engine-version.ts';

/** What of an engine `announce` uses. */
export interface Engine {
  /** Its address for people. */
  readonly name: string;
  /** Every container that runs, paused and restarting ones too. */
  list(signal: AbortSignal): Promise<readonly Listed[]>;
  /** A container by id or name; null where there is none. */
  inspect(container: string, signal: AbortSignal): Promise<Container | null>;
  /**
   * Resolves when the engine has taken the subscription: what happens from then on comes. The stream ends with the
   * engine, and throws where it breaks off.
   */
  events(signal: AbortSignal): Promise<AsyncIterable<EngineEvent>>;
}

/** Milliseconds for a question and its answer. */
const ANSWER_LIMIT = 10_000;
/** No list of containers is longer. */
const LONGEST_ANSWER = 64 * 1024 * 1024;
/** No event is longer: its labels are in it. */
const LONGEST_EVENT = 4 * 1024 * 1024;
/** The questions that are asked at the same time. */
const AT_ONCE = 4;

/**
 * What can change what is announced. `health_status` makes Docker compare beginnings, so that its `health_status: healthy`
 * comes too. Podman's own word is `died`: it calls it `die` afterwards, and versions before 4.4 filter before.
 */
const ACTIONS = [
  'start',
  'kill',
  'die',
  'died',
  'stop',
  'pause',
  'unpause',
  'rename',
  'restart',
  'destroy',
  'health_status',
];

/** Why an engine gave no answer: nobody is there, it takes too long, or it refuses. */
export type EngineTrouble = 'away' | 'late' | 'refused';

/** An engine that could not be asked. */
export class EngineError extends SystemError {
  readonly trouble: EngineTrouble;
  /** Of what it refused. */
  readonly status: number | null;

  constructor(
    trouble: EngineTrouble,
    message: string,
    more: { readonly status?: number; readonly hint?: string; readonly cause?: unknown } = {},
  ) {
    super(message, more);
    this.trouble = trouble;
    this.status = more.status ?? null;
  }
}

/**
 * Docker's API over HTTP, which podman speaks too. The version is asked for with the first question, and again where the
 * engine refuses it: it may have been replaced meanwhile.
 */
export class DockerEngine implements Engine, Disposable {
  readonly name: string;
  readonly #endpoint: EngineEndpoint;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });
  #version: Promise<ApiVersion | null> | undefined;

  constructor(endpoint: EngineEndpoint) {
    this.#endpoint = endpoint;
    this.name = engineName(endpoint);
  }

  async list(signal: AbortSignal): Promise<readonly Listed[]> {
    return listAnswer(await this.#question('/containers/json', signal));
  }

  async inspect(container: string, signal: AbortSignal): Promise<Container | null> {
    try {
      return containerAnswer(
        await this.#question(`/containers/${encodeURIComponent(container)}/json`, signal),
      );
    } catch (error) {
      if (error instanceof EngineError && error.status === 404) {
        return null;
      }
      throw error;
    }
  }

  async events(signal: AbortSignal): Promise<AsyncIterable<EngineEvent>> {
    const filters = JSON.stringify({ type: ['container'], event: ACTIONS });
    const query = `/events?filters=${encodeURIComponent(filters)}`;
    const response = await this.#versioned((path) => this.#send(path + query, signal, 'stream'), signal);
    return this.#eventsOf(response);
  }

  /** Ends what is still asked. */
  [Symbol.dispose](): void {
    this.#agent.destroy();
  }

  async #question(path: string, signal: AbortSignal): Promise<unknown> {
    const body = await this.#versioned((prefix) => this.#answer(prefix + path, signal), signal);
    const found = parseJson(body);
    if (found === undefined) {
      throw new EngineError('refused', `${this.#asking}: what answers is no engine: ${body.slice(0, 80)}`);
    }
    return found;
  }

  /** Calls `ask` with the prefix of the version to speak; once more where it is not served any longer. */
  async #versioned<T>(ask: (prefix: string) => Promise<T>, signal: AbortSignal): Promise<T> {
    const before = this.#version;
    try {
      return await ask(await this.#prefix(signal));
    } catch (error) {
      const isVersion =
        error instanceof EngineError && error.status === 400 && /too (?:old|new)/.test(error.message);
      if (!isVersion || before === undefined) {
        throw error;
      }
      this.#version = undefined;
      return await ask(await this.#prefix(signal));
    }
  }

  async #prefix(signal: AbortSignal): Promise<string> {
    this.#version ??= this.#askVersion(signal);
    try {
      const version = await this.#version;
      return version === null ? '' : `/v${version}`;
    } catch (error) {
      this.#version = undefined;
      throw error;
    }
  }

  async #askVersion(signal: AbortSignal): Promise<ApiVersion | null> {
    return versionToSpeak(versionAnswer(parseJson(await this.#answer('/version', signal))));
  }

  async #answer(path: string, signal: AbortSignal): Promise<string> {
    return this.#body(await this.#send(path, signal, 'answer'));
  }

  /** Resolves with the response's beginning; an answer has to be there as a whole within its time. */
  #send(path: string, signal: AbortSignal, what: 'answer' | 'stream'): Promise<IncomingMessage> {
    signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      const where =
        this.#endpoint.kind === 'socket'
          ? { socketPath: this.#endpoint.path }
          : { host: this.#endpoint.host, port: this.#endpoint.port };
      const agent = what === 'stream' ? false : this.#agent;
      const request = startRequest({ ...where, path, agent, headers: { host: 'docker' } });
      let begun: ClientRequest | IncomingMessage = request;
      const end = () => begun.destroy(asError(signal.reason));
      signal.addEventListener('abort', end, { once: true });
      const late = setTimeout(() => begun.destroy(this.#late()), ANSWER_LIMIT);
      request.once('close', () => {
        signal.removeEventListener('abort', end);
        clearTimeout(late);
      });
      request.once('error', (error) => reject(this.#explain(error, signal)));
      request.once('response', (response) => {
        begun = response;
        if (what === 'stream') {
          clearTimeout(late);
        }
        this.#accept(request, response).then(resolve, reject);
      });
      request.end();
    });
  }

  async #accept(request: ClientRequest, response: IncomingMessage): Promise<IncomingMessage> {
    const { statusCode = 0 } = response;
    if (statusCode === 200) {
      return response;
    }
    const said = refusalAnswer(await this.#body(response));
    request.destroy();
    throw new EngineError('refused', `${this.#asking}: it says ${statusCode}: ${said}`, {
      status: statusCode,
    });
  }

  async #body(response: IncomingMessage): Promise<string> {
    const parts: Buffer[] = [];
    let length = 0;
    try {
      for await (const part of response) {
        parts.push(part);
        length += part.length;
        if (length > LONGEST_ANSWER) {
          throw new EngineError(
            'refused',
            `${this.#asking}: its answer is longer than ${LONGEST_ANSWER} bytes`,
          );
        }
      }
    } catch (error) {
      throw this.#explain(error);
    }
    return Buffer.concat(parts).toString('utf8');
  }

  async *#eventsOf(response: IncomingMessage): AsyncGenerator<EngineEvent> {
    let rest = '';
    try {
      for await (const text of response.setEncoding('utf8')) {
        const lines = (rest + text).split('\n');
        rest = lines.pop() ?? '';
        if (rest.length > LONGEST_EVENT) {
          throw new EngineError(
            'refused',
            `${this.#asking}: an event is longer than ${LONGEST_EVENT} characters`,
          );
        }
        for (const line of lines) {
          const event = line.trim() === '' ? null : eventAnswer(line);
          if (event) {
            yield event;
          }
        }
      }
    } catch (error) {
      throw this.#explain(error);
    } finally {
      response.destroy();
    }
  }

  get #asking(): string {
    return `asking the engine at ${this.name}`;
  }

  #late(): EngineError {
    return new EngineError('late', `${this.#asking}: no answer in ${ANSWER_LIMIT / 1000} s`, {
      hint: 'Look whether the engine hangs or the machine is overloaded.',
    });
  }

  #explain(thrown: unknown, signal?: AbortSignal): Error {
    if (thrown instanceof EngineError || signal?.aborted) {
      return asError(thrown);
    }
    const error = asError(thrown);
    const [found, hint] = this.#reason(error);
    return new EngineError('away', `${this.#asking}: ${found}`, { hint, cause: error });
  }

  #reason(error: NodeJS.ErrnoException): readonly [found: string, hint: string] {
    const path = this.#endpoint.kind === 'socket' ? this.#endpoint.path : null;
    switch (error.code) {
      case 'ENOENT':
        return [
          'there is no such socket',
          'Start the engine, or say where it listens: DOCKER_HOST=unix:///path. In a container, mount the socket.',
        ];
      case 'ECONNREFUSED':
        return [
          'nobody listens',
          'Start the engine, or say where it listens: DOCKER_HOST=unix:///path. A container that has the socket alone mounted has to be started anew after an engine that made another one.',
        ];
      case 'EACCES':
      case 'EPERM':
        return [
          'it may not be opened',
          `${path === null ? '' : `${whatWouldLet('write', path)} `}With Docker, its group docker may.`,
        ];
      case 'ECONNRESET':
      case 'EPIPE':
        return ['the connection ended in the middle', 'The engine ends or restarts: look at its log.'];
      default:
        return [error.message, 'Say where the engine listens: DOCKER_HOST=unix:///path.'];
    }
  }
}
