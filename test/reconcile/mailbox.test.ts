import { describe, expect, test } from 'vitest';
import { Mailbox } from '../../src/reconcile/mailbox.ts';

describe('Mailbox', () => {
  test('gives everything posted since the last time, each trigger once', () => {
    const box = new Mailbox();
    box.post('a');
    box.post('b');
    box.post('a');
    expect(box.take()?.triggers).toEqual(['a', 'b']);
    expect(box.take()).toBeUndefined();
  });

  test('wakes who waits at a post and at an abort, and leaves no listener behind', async () => {
    const box = new Mailbox();
    const stop = new AbortController();
    const woken = box.wait(60_000, stop.signal);
    box.post('a');
    await woken;
    const aborted = box.wait(60_000, stop.signal);
    stop.abort();
    await aborted;
    await box.wait(60_000, stop.signal);
    await box.wait(0, new AbortController().signal);
  });
});
