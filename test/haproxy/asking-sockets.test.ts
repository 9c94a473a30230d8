import { getEventListeners } from 'node:events';
import { createServer } from 'node:net';
import path from 'node:path';
import { expect, test } from 'vitest';
import { RuntimeSession } from '../../src/haproxy/runtime-session.ts';
import { askSocket } from '../../src/haproxy/socket-command.ts';
import { tempFolder, waitFor } from '../support/haproxy.ts';

/** A socket that answers every line with nothing but the prompt. */
async function startSocket(file: string): Promise<AsyncDisposable> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {});
    socket.on('data', (data) => socket.write('\n> '.repeat(`${data}`.split('\n').length - 1)));
    socket.on('end', () => socket.end());
  });
  await new Promise<void>((resolve) => void server.listen(file, resolve));
  return { [Symbol.asyncDispose]: async () => void server.close() };
}

test('whoever asked HAProxy leaves nothing behind with the signal that could have ended it', async () => {
  await using folder = await tempFolder();
  const file = path.join(folder.path, 's.sock');
  await using _ = await startSocket(file);
  const { signal } = new AbortController();
  const left = () => getEventListeners(signal, 'abort').length;
  for (let at = 0; at < 20; at++) {
    await askSocket({ path: file, role: 'stats socket', timeout: 5000 }, 'show info', signal);
    await using session = new RuntimeSession(file, signal);
    await session.ask('show info');
  }
  await askSocket({ path: `${file}.missing`, role: 'stats socket', timeout: 5000 }, 'x', signal).catch(
    () => {},
  );
  await waitFor(() => left() === 0, { what: 'the end of all that listened to the signal' });
});

test('a long answer comes whole, or as what a filter leaves of its lines, wherever it is cut on its way', async () => {
  await using folder = await tempFolder();
  const file = path.join(folder.path, 's.sock');
  const lines = Array.from({ length: 40 }, (_, at) => `${at % 7 === 3 ? 'kept' : 'plain'} > line ${at}`);
  const said = `\n> ${lines.join('\n')}\n\n> ${lines.join('\n')}\n\n> end\n\n> `;
  for (const size of [1, 2, 3, 7, 100, said.length]) {
    const server = createServer(async (socket) => {
      socket
        .on('error', () => {})
        .setNoDelay(true)
        .resume();
      for (let at = 0; at < said.length; at += size) {
        await new Promise((resolve) => socket.write(said.slice(at, at + size), resolve));
      }
    });
    await new Promise<void>((resolve) => void server.listen(file, resolve));
    {
      await using session = new RuntimeSession(file, new AbortController().signal);
      const kept = (whole: string) => {
        const some = whole.split('\n').filter((line) => line.startsWith('kept'));
        return some.map((line) => `${line}\n`).join('');
      };
      const answers = await Promise.all([session.ask('a'), session.askFiltered('b', kept), session.ask('c')]);
      expect(answers).toEqual([lines.join('\n'), kept(lines.join('\n')).trim(), 'end']);
    }
    await new Promise((resolve) => server.close(resolve));
  }
});

test('an abort ends what is asked, with its reason', async () => {
  await using folder = await tempFolder();
  const file = path.join(folder.path, 's.sock');
  const server = createServer(() => {});
  await new Promise<void>((resolve) => void server.listen(file, resolve));
  await using _ = { [Symbol.asyncDispose]: async () => void server.close() };
  const end = new AbortController();
  const asked = askSocket({ path: file, role: 'stats socket', timeout: 60_000 }, 'x', end.signal);
  await using session = new RuntimeSession(file, end.signal);
  const told = session.ask('x');
  const reason = new Error('the daemon ends');
  end.abort(reason);
  await expect(asked).rejects.toBe(reason);
  await expect(told).rejects.toBe(reason);
});
