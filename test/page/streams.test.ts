import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { FEED_LIMITS } from '../../src/page/feed.ts';
import { CONNECTION_LIMITS } from '../../src/status/connections.ts';
import { startFalseDaemon } from '../browser/false-daemon.ts';
import { waitFor } from '../support/haproxy.ts';

const { streams: MOST } = CONNECTION_LIMITS;
const WAIT = { timeout: 30_000 };

/** Asks on a connection of its own, and follows what is said. */
async function ask(url: string, path: string) {
  const socket = connect(Number(new URL(url).port), '127.0.0.1').on('error', () => undefined);
  const seen = { socket, said: '' };
  socket.setEncoding('utf8').on('data', (said: string) => {
    seen.said += said;
  });
  await once(socket, 'connect');
  socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
  return seen;
}

test('sixteen follow the events, each with a sign of life; the next is told so in words and can ask what is now; who goes makes room', async () => {
  expect([MOST, FEED_LIMITS.beat]).toEqual([16, 10_000]);
  await using daemon = await startFalseDaemon({ feed: { beat: 50 } });
  const { url } = daemon;
  const all = [];
  for (let at = 0; at < MOST; at += 1) {
    all.push(await ask(url, `/api/events${at % 2 === 0 ? '' : '?once=0'}`));
  }
  for (const one of all) {
    await waitFor(() => one.said.includes('event: all') && one.said.split('event: alive').length > 3, WAIT);
  }
  const next = await ask(url, '/api/events');
  await waitFor(() => next.said.includes('one time'), WAIT);
  expect(next.said).toMatch(/^HTTP\/1\.1 503 [\s\S]*retry-after: 5\r\n[\s\S]*16 follow the events already/);
  const now = await ask(url, '/api/events?once=1');
  await waitFor(() => now.said.includes('"status/serving"') && now.said.endsWith('0\r\n\r\n'), WAIT);
  expect(now.said).toMatch(/^HTTP\/1\.1 200 [\s\S]*event: hello\n[\s\S]*event: all\n/);
  for (const path of ['/healthz', '/api/status', '/metrics', '/']) {
    const other = await ask(url, path);
    await waitFor(() => other.said.startsWith('HTTP/1.1 200'), WAIT);
    other.socket.destroy();
  }
  all[3]?.socket.destroy();
  await waitFor(async () => {
    const again = await ask(url, '/api/events');
    await waitFor(() => again.said.includes('event: hello') || again.said.includes('503'), WAIT);
    return again.said.includes('event: hello');
  }, WAIT);
  for (const { socket } of [...all, next, now]) {
    socket.destroy();
  }
});
