import { createServer, get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { FEED_LIMITS, Feed, type FeedLimits } from '../../src/page/feed.ts';
import { waitFor } from '../support/haproxy.ts';

async function start(limits: Partial<FeedLimits> = {}) {
  const stack = new AsyncDisposableStack();
  const listeners = new Set<() => void>();
  const world = { view: new Map<string, string>(), looks: 0, listeners };
  const feed = stack.use(
    new Feed({
      view: async () => {
        world.looks += 1;
        return new Map(world.view);
      },
      subscribe: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
      failed: (error) => {
        throw error;
      },
      now: Date.now,
      limits: { ...FEED_LIMITS, quiet: 5, every: 3_600_000, ...limits },
    }),
  );
  const server = createServer((asked, answer) => {
    answer.writeHead(200, { 'content-type': 'text/event-stream' });
    void feed.join(answer, String(asked.headers['last-event-id'] ?? ''), { now: 1 });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stack.defer(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const read = async (lastId?: string) => {
    const headers = lastId === undefined ? {} : { 'last-event-id': lastId };
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      get({ port, host: '127.0.0.1', agent: false, headers }, resolve).on('error', reject);
    });
    const seen = { answer, text: '', isOver: false };
    answer.setEncoding('utf8').on('data', (part: string) => {
      seen.text += part;
    });
    answer
      .on('error', () => undefined)
      .once('close', () => {
        seen.isOver = true;
      });
    return seen;
  };
  const change = (name: string, value: string | null) => {
    if (value === null) {
      world.view.delete(name);
    } else {
      world.view.set(name, value);
    }
    for (const listener of listeners) {
      listener();
    }
  };
  return { world, feed, read, change, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

const WAIT = { timeout: 30_000 };

test('a reader gets all of it, then what changed alone; one that comes again what it missed; with nobody nothing is looked at', async () => {
  await using site = await start();
  site.change('status/ready', 'true');
  site.change('server/web/a', '{"up":"UP"}');
  expect([site.world.looks, site.world.listeners.size]).toEqual([0, 0]);
  const one = await site.read();
  await waitFor(() => one.text.includes('event: all'), WAIT);
  expect(one.text).toContain('data: {"all":[["status/ready",true],["server/web/a",{"up":"UP"}]]}');
  site.change('server/web/a', '{"up":"DOWN"}');
  await waitFor(() => one.text.includes('event: patch'), WAIT);
  expect(one.text).toContain('data: {"set":[["server/web/a",{"up":"DOWN"}]]}');
  const id = [...one.text.matchAll(/^id: (\S+)$/gm)].at(-1)?.[1] ?? '';
  one.answer.destroy();
  await waitFor(() => site.feed.readers === 0 && site.world.listeners.size === 0, WAIT);
  const looks = site.world.looks;
  site.change('server/web/a', null);
  site.change('status/ready', 'false');
  expect(site.world.looks).toBe(looks);
  const again = await site.read(id);
  await waitFor(() => again.text.includes('event: patch'), WAIT);
  expect(again.text).toContain('{"set":[["status/ready",false]],"gone":["server/web/a"]}');
  expect(again.text).not.toContain('event: all');
  const stranger = await site.read('00000000-1');
  await waitFor(() => stranger.text.includes('event: all'), WAIT);
});

test('a reader that does not read is sent one thing, and is cut', async () => {
  await using site = await start({ unread: 300 });
  site.change('status/large', JSON.stringify('x'.repeat(32_000_000)));
  const slow = await site.read();
  slow.answer.pause();
  await waitFor(() => site.feed.readers === 1, WAIT);
  await waitFor(() => site.feed.readers === 0, WAIT);
  expect(slow.text.length).toBeLessThan(32_000_000);
});
