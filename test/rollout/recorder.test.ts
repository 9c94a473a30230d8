import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Mailbox } from '../../src/reconcile/mailbox.ts';
import { AHEAD_FAULT_MS, RECORD_EVERY_MS, Recorder } from '../../src/rollout/recorder.ts';
import type { RollResult } from '../../src/rollout/roll-result.ts';
import { recorder } from '../reconcile/fakes.ts';

/** A rollout whose records end when the test says so. */
function setUp() {
  const said = recorder();
  const mailbox = new Mailbox();
  const asked: string[] = [];
  const ends: ((result: RollResult) => void)[] = [];
  const recorded: string[] = [];
  const rollout = {
    ahead: null as { text: string; hash: string } | null,
    record: (text: string) => {
      asked.push(text);
      return new Promise<RollResult>((resolve) => ends.push(resolve));
    },
  };
  const subject = new Recorder({
    rollout,
    mailbox,
    emit: said.emit,
    onRecorded: (text) => void recorded.push(text),
  });
  const stop = new AbortController();
  const following = subject.follow(stop.signal);
  const record = (text: string) => {
    rollout.ahead = { text, hash: `h-${text}` };
    subject.record(text);
  };
  const end = async (result: RollResult) => {
    ends.shift()?.(result);
    await vi.advanceTimersByTimeAsync(0);
  };
  return { subject, rollout, said, mailbox, asked, recorded, record, end, stop, following };
}

describe('Recorder', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
  afterEach(() => void vi.useRealTimers());

  test('records one text at a time, and of those that come meanwhile the last one', async () => {
    const { record, end, asked, recorded, subject } = setUp();
    for (const text of ['a', 'b', 'c']) {
      record(text);
      await vi.advanceTimersByTimeAsync(0);
    }
    expect(asked).toEqual(['a']);
    await end({ kind: 'runtime' });
    await vi.advanceTimersByTimeAsync(RECORD_EVERY_MS - 1);
    expect(asked).toEqual(['a']);
    await vi.advanceTimersByTimeAsync(1);
    expect(asked).toEqual(['a', 'c']);
    expect(subject.isBusy).toBe(true);
    await end({ kind: 'runtime' });
    await subject.idle();
    expect(recorded).toEqual(['a', 'c']);
    expect(subject.isBusy).toBe(false);
  });

  test('does not keep anybody waiting who waits for it to be idle', async () => {
    const { record, end, asked, subject } = setUp();
    record('a');
    await vi.advanceTimersByTimeAsync(0);
    await end({ kind: 'runtime' });
    record('b');
    await vi.advanceTimersByTimeAsync(10);
    expect(asked).toEqual(['a']);
    const idle = subject.idle();
    await vi.advanceTimersByTimeAsync(0);
    expect(asked).toEqual(['a', 'b']);
    await end({ kind: 'runtime' });
    await idle;
  });

  test('wakes the loop with what was refused, and gives the reason for that text only', async () => {
    const { record, end, mailbox, subject } = setUp();
    record('a');
    await vi.advanceTimersByTimeAsync(0);
    await end({ kind: 'refused', output: 'no', lines: [1], retryInMs: 1000 });
    await subject.idle();
    expect(mailbox.take()?.triggers).toEqual(['what HAProxy runs did not become the file']);
    expect(subject.take('b')).toBeNull();
    record('a');
    await vi.advanceTimersByTimeAsync(RECORD_EVERY_MS);
    await end({ kind: 'refused', output: 'no', lines: [1], retryInMs: 1000 });
    await subject.idle();
    expect(subject.take('a')).toMatchObject({ kind: 'refused' });
    expect(subject.take('a')).toBeNull();
  });

  test('forgets a refusal when a newer text became the file', async () => {
    const { record, end, mailbox, subject } = setUp();
    record('a');
    await vi.advanceTimersByTimeAsync(0);
    record('b');
    await end({ kind: 'failed', message: 'no', retryInMs: 1000 });
    await vi.advanceTimersByTimeAsync(RECORD_EVERY_MS);
    await end({ kind: 'runtime' });
    await subject.idle();
    expect(mailbox.peek()).toBeUndefined();
  });

  test('says once that the file is behind, that it is so for too long, and that it is over', async () => {
    const { record, end, rollout, said, subject } = setUp();
    record('a');
    record('b');
    await vi.advanceTimersByTimeAsync(AHEAD_FAULT_MS - 1);
    expect(said.events).toEqual([{ kind: 'ahead', hash: 'h-a' }]);
    await vi.advanceTimersByTimeAsync(1);
    expect(said.kinds()).toEqual(['ahead', 'ahead-too-long']);
    rollout.ahead = null;
    await end({ kind: 'runtime' });
    await subject.idle();
    expect(said.events.at(-1)).toEqual({ kind: 'ahead-over', ms: AHEAD_FAULT_MS });
  });

  test('does not take a burst that goes on for a file that is not followed', async () => {
    const { record, end, said, subject } = setUp();
    for (let change = 0; change < 2 * (AHEAD_FAULT_MS / RECORD_EVERY_MS); change++) {
      record(`${change}`);
      await vi.advanceTimersByTimeAsync(RECORD_EVERY_MS / 2);
      record(`${change} and a half`);
      await end({ kind: 'runtime' });
      await vi.advanceTimersByTimeAsync(RECORD_EVERY_MS / 2);
    }
    expect(new Set(said.kinds())).toEqual(new Set(['ahead']));
    await vi.advanceTimersByTimeAsync(AHEAD_FAULT_MS);
    expect(said.kinds()).toContain('ahead-too-long');
    await end({ kind: 'runtime' });
    await subject.idle();
  });

  test('lets what is under way end when it is told to stop', async () => {
    const { record, end, recorded, stop, following } = setUp();
    record('a');
    await vi.advanceTimersByTimeAsync(0);
    stop.abort();
    await end({ kind: 'runtime' });
    await following;
    expect(recorded).toEqual(['a']);
  });
});
