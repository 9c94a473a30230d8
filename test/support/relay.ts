import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** A TCP relay in front of a server of 127.0.0.1, with faults to order. */
export interface Relay extends AsyncDisposable {
  readonly port: number;
  /** Connections that are open now. */
  readonly open: number;
  /** Bytes of the server that have passed. */
  readonly passed: number;
  /** Goes dead without a word: nothing is closed and nothing passes any more, on new connections neither. */
  silence(): void;
  /** New connections pass again. What was silenced stays so for ever, as behind a firewall that lost its state. */
  speak(): void;
  /** Closes everything that is open and refuses what is new until `accept()`. */
  refuse(): void;
  accept(): void;
  /** Closes what is open. */
  cut(): void;
  /** Cuts the next connection that brings so many bytes of the server, then another one for the next number. */
  cutAfter(bytes: readonly number[], onCut: () => void): void;
}

type Mode = 'pass' | 'silent' | 'refuse';

/** Starts a relay to `target`, at an address of this machine. */
export async function startRelay(target: number, listen = '127.0.0.1'): Promise<Relay> {
  let mode: Mode = 'pass';
  let cuts: number[] = [];
  let passed = 0;
  let onCut: () => void = () => undefined;
  const afterCut = () => {
    cuts.shift();
    onCut();
  };
  const pairs = new Set<Pair>();
  const server = createServer((client) => {
    if (mode === 'refuse') {
      client.destroy();
      return;
    }
    const pair = new Pair(client, {
      target,
      limit: cuts[0] ?? Number.POSITIVE_INFINITY,
      onCut: afterCut,
      onData: (bytes) => {
        passed += bytes;
      },
    });
    if (mode === 'silent') {
      pair.silence();
    }
    pairs.add(pair);
    client.once('close', () => pairs.delete(pair));
  });
  server.listen(0, listen);
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') {
    throw new Error('no port was given');
  }
  const cut = () => {
    for (const pair of pairs) {
      pair.close();
    }
  };
  return {
    port: address.port,
    get open() {
      return pairs.size;
    },
    get passed() {
      return passed;
    },
    silence() {
      mode = 'silent';
      for (const pair of pairs) {
        pair.silence();
      }
    },
    speak() {
      mode = 'pass';
    },
    refuse() {
      mode = 'refuse';
      cut();
    },
    accept() {
      mode = 'pass';
    },
    cut,
    cutAfter(bytes, then) {
      cuts = [...bytes];
      onCut = then;
    },
    async [Symbol.asyncDispose]() {
      server.close();
      cut();
    },
  };
}

interface PairOptions {
  readonly target: number;
  readonly limit: number;
  onCut(): void;
  onData(bytes: number): void;
}

class Pair {
  readonly #client: Socket;
  readonly #server: Socket;
  #silent = false;

  constructor(client: Socket, { target, limit, onCut, onData }: PairOptions) {
    this.#client = client;
    this.#server = connect(target, '127.0.0.1');
    // What is small (a window of HTTP/2 that opens) goes on at once, as from a router: else each waits 40 ms for an ack.
    for (const socket of [client, this.#server]) {
      socket.setNoDelay(true);
    }
    let left = limit;
    client.on('data', (data) => {
      if (!this.#silent) {
        this.#server.write(data);
      }
    });
    this.#server.on('data', (data) => {
      if (this.#silent || left <= 0) {
        return;
      }
      onData(data.length);
      client.write(data.subarray(0, left));
      left -= data.length;
      if (left > 0) {
        return;
      }
      onCut();
      this.close();
    });
    for (const socket of [client, this.#server]) {
      socket.on('error', () => undefined);
      socket.on('close', () => {
        if (!this.#silent) {
          this.close();
        }
      });
    }
    client.on('close', () => this.#server.destroy());
  }

  silence(): void {
    this.#silent = true;
  }

  close(): void {
    this.#silent = false;
    this.#client.destroy();
    this.#server.destroy();
  }
}
