import { chmod, lstat, rm } from 'node:fs/promises';
import type { FastifyInstance } from 'fastify';
import { asError, SystemError } from '../errors.ts';

/** A path of a Unix socket may be so long, in bytes. */
const MOST_PATH = 107;

/**
 * Has a server listen on a Unix socket that only our user may open. A socket that lies there is a dead process's, and is
 * replaced; what else lies there stays. Disposing closes the server and removes the socket. Throws a `SystemError`, and the
 * server is closed then, too.
 */
export async function listenOnSocket(server: FastifyInstance, path: string): Promise<AsyncDisposable> {
  try {
    if (Buffer.byteLength(path) > MOST_PATH) {
      throw new SystemError(`opening ${path}: a Unix socket's path has at most ${MOST_PATH} bytes`, {
        hint: 'Take a shorter path, by a shorter stateDir or of its own.',
      });
    }
    const there = await lstat(path).catch(() => null);
    if (there && !there.isSocket()) {
      throw new SystemError(`opening ${path}: something else than a socket lies there`, {
        hint: 'Remove it, or take another path.',
      });
    }
    await rm(path, { force: true });
    await server.listen({ path });
    await chmod(path, 0o600);
  } catch (cause) {
    await server.close();
    throw cause instanceof SystemError
      ? cause
      : new SystemError(`opening ${path}: ${asError(cause).message}`, { cause });
  }
  return {
    async [Symbol.asyncDispose]() {
      await server.close();
      await rm(path, { force: true });
    },
  };
}
