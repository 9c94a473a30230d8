import { pauseAfter } from '../ports/back-off.ts';
import { rest } from '../ports/clock.ts';
import { refreshOr } from './etcd-srv.ts';

/** A member that has not answered for this long is not waited for alone: the next one is asked beside it. */
const SILENT = 500;
/** The longest pause while nobody answers: asking is cheap, and a store that is back shall be found within 1 s. */
const LONGEST_PAUSE = 600;
/** How pauses between two rounds of the members grow. */
export const BACK_OFF = { first: 100, spread: 0.5 } as const;

/** A connection to one member, which can be asked for a sign of life. */
export interface Probed extends Disposable {
  readonly endpoint: string;
  /** Rejects where none comes in time. */
  probe(signal: AbortSignal): Promise<unknown>;
}

export interface MembersOptions<Connection extends Probed> {
  /** They may change. */
  readonly endpoints: readonly string[];
  /** Asks which they are. A failure where none is known is told as one of `DNS`. */
  readonly refresh?: ((signal: AbortSignal) => Promise<void>) | undefined;
  readonly connect: (endpoint: string) => Promise<Connection>;
  readonly onFailure: (endpoint: string, error: unknown) => void;
}

/**
 * Finds a member of etcd that answers.
 *
 *     a refused -> pause -> b asked …0.5 s of silence… c asked -> c answers: it is c, b is given up
 *
 * A frozen host, a lost quorum and a dead connection look alike from here: no answer. Therefore a question may take
 * its 2 s, but the next one is put meanwhile, to the same member where there is no other.
 */
export class EtcdMembers<Connection extends Probed> {
  readonly #options: MembersOptions<Connection>;
  // Not all instances of a fleet shall hang on the first member.
  #place: number;

  constructor(options: MembersOptions<Connection>) {
    this.#options = options;
    this.#place = Math.floor(Math.random() * options.endpoints.length);
  }

  /** Asks until somebody answers; the caller disposes the connection. Throws only what aborted `signal`, and bugs. */
  async answering(signal: AbortSignal): Promise<Connection> {
    const { endpoints } = this.#options;
    const done = new AbortController();
    const search = AbortSignal.any([signal, done.signal]);
    const found: Connection[] = [];
    try {
      for (let tries = 1; found.length === 0; tries++) {
        signal.throwIfAborted();
        await this.#refresh(signal);
        if (endpoints.length === 0) {
          await rest(pauseAfter(tries, { ...BACK_OFF, longest: LONGEST_PAUSE }), search);
          continue;
        }
        const endpoint = endpoints[this.#place++ % endpoints.length] ?? '';
        const asked = this.#ask(endpoint, search, (connection) => {
          found.push(connection);
          done.abort();
        });
        const outcome = await Promise.race([asked, rest(SILENT * (0.8 + Math.random() / 5), search)]);
        if (outcome !== 'refused') {
          continue;
        }
        const round = Math.ceil(tries / endpoints.length);
        await rest(pauseAfter(round, { ...BACK_OFF, longest: LONGEST_PAUSE }), search);
      }
    } finally {
      done.abort();
    }
    const [connection] = found;
    if (!connection) {
      throw signal.reason;
    }
    this.#place = endpoints.indexOf(connection.endpoint) + 1;
    return connection;
  }

  /** Has the next search begin with the member of the last one. */
  stay(): void {
    this.#place--;
  }

  /** Only who knows none has to wait for DNS. */
  async #refresh(signal: AbortSignal): Promise<void> {
    const { endpoints, refresh, onFailure } = this.#options;
    if (endpoints.length > 0) {
      refresh?.(signal).catch(() => undefined);
      return;
    }
    const error = await refreshOr(refresh, signal);
    if (error !== null) {
      onFailure('DNS', error);
    }
  }

  async #ask(
    endpoint: string,
    signal: AbortSignal,
    answered: (connection: Connection) => void,
  ): Promise<'refused' | 'over'> {
    let connection: Connection | undefined;
    try {
      connection = await this.#options.connect(endpoint);
      await connection.probe(signal);
      if (!signal.aborted) {
        answered(connection);
        connection = undefined;
      }
      return 'over';
    } catch (error) {
      if (signal.aborted) {
        return 'over';
      }
      // These two are bugs of ours, and no retry helps.
      if (error instanceof TypeError || error instanceof ReferenceError) {
        throw error;
      }
      this.#options.onFailure(endpoint, error);
      return 'refused';
    } finally {
      connection?.[Symbol.dispose]();
    }
  }
}
