import { chmod, rm } from 'node:fs/promises';
import { SystemError } from '../errors.ts';
import type { ServicesJson } from './services-view.ts';

/** What the daemon answers the commands of its host. */
export interface ControlAnswers {
  /** What `/api/status` answers. */
  status(): object;
  /** Every service and instance, and how HAProxy has them. */
  services(): Promise<ServicesJson>;
}

/** A path of a Unix socket may be so long, in bytes. */
const MOST_PATH = 107;

/**
 * Answers the commands of this host on a Unix socket that only our user may open. Whoever calls this holds the lock of the
 * state folder: what lies there is a dead daemon's. Throws a `SystemError`.
 */
export async function startControlSocket(path: string, answers: ControlAnswers): Promise<AsyncDisposable> {
  if (Buffer.byteLength(path) > MOST_PATH) {
    throw new SystemError(`opening ${path}: a Unix socket's path has at most ${MOST_PATH} bytes`, {
      hint: 'Take a shorter stateDir; until then `pointsman status` has no answer.',
    });
  }
  const { fastify } = await import('fastify');
  const server = fastify({ logger: false, forceCloseConnections: true });
  server.get('/status', async () => answers.status());
  server.get('/services', () => answers.services());
  try {
    await rm(path, { force: true });
    await server.listen({ path });
    await chmod(path, 0o600);
  } catch (cause) {
    await server.close();
    throw new SystemError(`opening ${path}: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
  return {
    async [Symbol.asyncDispose]() {
      await server.close();
      await rm(path, { force: true });
    },
  };
}
