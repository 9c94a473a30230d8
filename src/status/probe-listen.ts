import { once } from 'node:events';
import { createServer } from 'node:net';
import { request } from '../system/http.ts';
import { type ListenAddress, listenError } from './listen-error.ts';

const LIMIT = 2000;

/** What there is where the status server shall listen. */
export type Listening =
  | { readonly kind: 'free' }
  /** A Pointsman answers; `target` is the file that it writes. */
  | { readonly kind: 'pointsman'; readonly target: string };

/** Tries to listen there, and gives the place up at once. Throws a `SystemError` where that cannot be done. */
export async function probeListen(address: ListenAddress): Promise<Listening> {
  const server = createServer();
  try {
    server.listen({ host: address.host, port: address.port });
    await once(server, 'listening');
    return { kind: 'free' };
  } catch (error) {
    const target = (error as NodeJS.ErrnoException).code === 'EADDRINUSE' ? await targetOf(address) : null;
    if (target !== null) {
      return { kind: 'pointsman', target };
    }
    throw listenError(address, error);
  } finally {
    server.close();
  }
}

/** The file that the Pointsman there writes; null where none answers. */
async function targetOf({ host, port }: ListenAddress): Promise<string | null> {
  const anywhere: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };
  try {
    const text = await get({ host: anywhere[host] ?? host, port });
    const status: unknown = JSON.parse(text);
    const target: unknown = Reflect.get(Object(status), 'target');
    return typeof target === 'string' && 'applied' in Object(status) ? target : null;
  } catch {
    return null;
  }
}

function get({ host, port }: ListenAddress): Promise<string> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(LIMIT);
    const sent = request({ host, port, path: '/api/status', agent: false, signal }, (answer) => {
      let body = '';
      answer.setEncoding('utf8');
      answer.on('data', (text: string) => {
        body += text;
        if (body.length > 64 * 1024 * 1024) {
          sent.destroy(new Error('an endless answer'));
        }
      });
      answer.once('end', () => resolve(body));
      answer.once('error', reject);
    });
    sent.once('error', reject);
    sent.end();
  });
}
