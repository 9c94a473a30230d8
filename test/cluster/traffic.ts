import { readFile } from 'node:fs/promises';
import { Agent, request } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Balancer } from './balancer.ts';
import { hostOf } from './definitions.ts';

/** A request through the load balancer, and what came of it. Times are those of `performance.now()`. */
export interface Asked {
  /** Stands in its URL as `?r=`, by which the logs tell of it. */
  readonly number: number;
  readonly service: string;
  readonly what: string;
  readonly sent: number;
  readonly ended: number;
  /** The instance that answered; null where it failed, and why. */
  readonly by: string | null;
  readonly said: string;
  /** Whether it was sent once more, on a fresh connection. */
  readonly again: boolean;
}

/** Requests to all services, until it is disposed. */
export interface Traffic extends AsyncDisposable {
  readonly all: readonly Asked[];
}

/** Milliseconds between two requests of a loop. */
const PAUSE = 100;
const TIMEOUT = 30_000;
/** What the loops of each service ask; all of them on fresh and on kept connections. */
const PATHS: Readonly<Record<string, readonly string[]>> = { orders: ['/', '/slow', '/datastore'] };
const OTHERS = ['/', '/slow'];

/** Begins to ask all of these services: of each loop every fourth request is a POST, which nobody may send twice. */
export async function startTraffic(balancer: Balancer, services: readonly string[]): Promise<Traffic> {
  const ca = await readFile(balancer.authority, 'utf8');
  const all: Asked[] = [];
  const agents: Agent[] = [];
  let stopped = false;
  let number = 0;
  const loop = async (service: string, path: string, connection: 'fresh' | 'kept') => {
    const agent = new Agent({ keepAlive: connection === 'kept', maxSockets: 1, ca });
    agents.push(agent);
    for (let turn = 0; !stopped; turn++) {
      number += 1;
      const method = turn % 4 === 3 ? 'POST' : 'GET';
      const one = { number, service, what: `${method} ${path} (${connection})`, sent: performance.now() };
      const asking = { address: balancer.address, method, path: `${path}?r=${number}`, service, ca };
      let again = false;
      const answer = await ask({ ...asking, agent })
        .catch((error: AskError) => {
          // As browsers do, and as a proxy asks them to by closing without a word (RFC 9112, 9.3.1).
          if (!error.isUnanswered) {
            throw error;
          }
          again = true;
          return ask({ ...asking, agent: false });
        })
        .catch((error: AskError) => ({ status: 0, body: error.message }));
      const [by = '', version = '', datastore = ''] = answer.body.trim().split(' ');
      const right =
        answer.status === 200 &&
        by.startsWith(`${service}/`) &&
        version.startsWith(`${service}:git-`) &&
        (path === '/datastore') === datastore.startsWith('db-');
      const said = `${answer.status} ${answer.body.trim().slice(0, 100)}`;
      all.push({ ...one, ended: performance.now(), by: right ? by : null, said, again });
      await sleep(PAUSE);
    }
  };
  const loops = services.flatMap((service) =>
    (PATHS[service] ?? OTHERS).flatMap((path) => [loop(service, path, 'fresh'), loop(service, path, 'kept')]),
  );
  return {
    all,
    async [Symbol.asyncDispose]() {
      stopped = true;
      await Promise.all(loops);
      for (const agent of agents) {
        agent.destroy();
      }
    },
  };
}

/** Why there was no answer. */
class AskError extends Error {
  /** The connection had been kept, and ended without a byte of an answer. */
  readonly isUnanswered: boolean;

  constructor(message: string, isUnanswered: boolean) {
    super(message);
    this.isUnanswered = isUnanswered;
  }
}

function ask(given: {
  readonly address: string;
  readonly agent: Agent | false;
  readonly method: string;
  readonly path: string;
  readonly service: string;
  readonly ca: string;
}): Promise<{ status: number; body: string }> {
  const { address, service, ...rest } = given;
  return new Promise((resolve, reject) => {
    const name = hostOf(service);
    const options = { ...rest, host: address, port: 443, servername: name, headers: { host: name } };
    const sent = request(options, (answer) => {
      let body = '';
      answer.setEncoding('utf8');
      answer.on('data', (text: string) => {
        body += text;
      });
      answer.once('error', ({ message }) => reject(new AskError(message, false)));
      answer.once('end', () => resolve({ status: answer.statusCode ?? 0, body }));
    });
    sent.setTimeout(TIMEOUT, () => sent.destroy(new Error(`no answer in ${TIMEOUT / 1000} s`)));
    sent.once('error', (error: NodeJS.ErrnoException) =>
      reject(new AskError(error.message, sent.reusedSocket && error.code === 'ECONNRESET')),
    );
    sent.end();
  });
}
