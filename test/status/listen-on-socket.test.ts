import { readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { fastify } from 'fastify';
import { expect, test } from 'vitest';
import { listenOnSocket } from '../../src/status/listen-on-socket.ts';
import { tempFolder } from '../support/haproxy.ts';

test("a dead process's socket is replaced, what is no socket stays, and a path that is too long is told", async () => {
  await using folder = await tempFolder();
  const place = path.join(folder.path, 's');
  // A socket that nobody listens on any more, as a process leaves it that was killed.
  const dead = createServer();
  await new Promise<void>((resolve) => dead.listen(place, resolve));
  {
    await using _socket = await listenOnSocket(fastify(), place);
    const { mode } = await stat(place);
    expect(mode & 0o777).toBe(0o600);
  }
  dead.close();
  await expect(stat(place)).rejects.toThrow('ENOENT');
  await writeFile(place, 'a letter');
  await expect(listenOnSocket(fastify(), place)).rejects.toThrow(
    `opening ${place}: something else than a socket lies there`,
  );
  expect(await readFile(place, 'utf8')).toBe('a letter');
  await expect(listenOnSocket(fastify(), `/tmp/${'x'.repeat(107)}`)).rejects.toThrow('has at most 107 bytes');
});
