import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { hashText, withMark } from '../../src/plan/mark.ts';
import { Mailbox } from '../../src/reconcile/mailbox.ts';
import { AHEAD_FAULT_MS, CatchUp, RECORD_EVERY_MS } from '../../src/rollout/catch-up.ts';
import { setOf, withFile, withRunAhead } from '../../src/rollout/current.ts';
import { CurrentState } from '../../src/rollout/current-state.ts';
import type { Trouble } from '../../src/rollout/facts.ts';
import { Troubles } from '../../src/rollout/troubles.ts';
import { recorder } from '../reconcile/fakes.ts';

/** A writer whose checks end when the test says so: with what goes wrong, or well. */
function setUp() {
  const said = recorder();
  const mailbox = new Mailbox();
  const asked: string[] = [];
  const ends: ((trouble: Trouble | null) => void)[] = [];
  const recorded: string[] = [];
  const [current, troubles] = [new CurrentState('haproxy', () => {}), new Troubles()];
  const writer = {
    checkAndWrite: async ({ text, hash }: { text: string; hash: string }) => {
      asked.push(text);
      const trouble = await new Promise<Trouble | null>((resolve) => ends.push(resolve));
      if (trouble) {
        troubles.add(hash, trouble);
        return false;
      }
      current.replace((now) => withFile(now, withMark(text)));
      return true;
    },
  };
  const onRecorded = ({ text }: { text: string }) => void recorded.push(text);
  const subject = new CatchUp({ current, writer, troubles, mailbox, onRecorded, emit: said.emit });
  const stop = new AbortController();
  const following = subject.end(stop.signal);
  const record = (text: string) => {
    current.replace((now) => withRunAhead(now, setOf(text)));
    subject.record(setOf(text));
  };
  const end = async (trouble: Trouble | null) => {
    ends.shift()?.(trouble);
    await vi.advanceTimersByTimeAsync(0);
  };
  return { subject, current, troubles, said, mailbox, asked, recorded, record, end, stop, following };
}

const REFUSED: Trouble = { kind: 'refused', output: 'no', lines: [1], judged: false };

describe('CatchUp', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
  afterEach(() => void vi.useRealTimers());

  test('records one text at a time, and of those that come meanwhile the last one', async () => {
    const { record, end, asked, recorded, subject } = setUp();
    for (const text of ['a', 'b', 'c']) {
      record(text);
      await vi.advanceTimersByTimeAsync(0);
    }
    expect(asked).toEqual(['a']);
    await end(null);
    await vi.advanceTimersByTimeAsync(RECORD_EVERY_MS - 1);
    expect(asked).toEqual(['a']);
    await vi.advanceTimersByTimeAsync(1);
    expect(asked).toEqual(['a', 'c']);
    expect(subject.target).toBe(hashText('c'));
    await end(null);
    await subject.idle();
    expect(recorded).toEqual(['a', 'c']);
    expect(subject.target).toBeNull();
  });

  test('does not keep anybody waiting who waits for it to be idle', async () => {
    const { record, end, asked, subject } = setUp();
    record('a');
    await vi.advanceTimersByTimeAsync(0);
    await end(null);
    record('b');
    await vi.advanceTimersByTimeAsync(10);
    expect(asked).toEqual(['a']);
    const idle = subject.idle();
    await vi.advanceTimersByTimeAsync(0);
    expect(asked).toEqual(['a', 'b']);
    await end(null);
    await idle;
  });

  test('wakes the loop with what was refused, and gives the reason for that text only', async () => {
    const { record, end, mailbox, subject, troubles } = setUp();
    record('a');
    await vi.advanceTimersByTimeAsync(0);
    await end(REFUSED);
    await subject.idle();
    expect(mailbox.take()?.triggers).toEqual(['what HAProxy runs did not become the file']);
    expect(troubles.of(hashText('b'))).toBeNull();
    expect(troubles.of(hashText('a'))).toMatchObject({ kind: 'refused' });
    record('a');
    await vi.advanceTimersByTimeAsync(RECORD_EVERY_MS);
    await end(REFUSED);
    await subject.idle();
    expect(troubles.of(hashText('a'))).toMatchObject({ kind: 'refused' });
    expect(troubles.failuresOf(hashText('a'))).toBe(2);
  });

  test('forgets a refusal when a newer text became the file', async () => {
    const { record, end, mailbox, subject } = setUp();
    record('a');
    await vi.advanceTimersByTimeAsync(0);
    record('b');
    await end({ kind: 'failed', message: 'no' });
    await vi.advanceTimersByTimeAsync(RECORD_EVERY_MS);
    await end(null);
    await subject.idle();
    expect(mailbox.peek()).toBeUndefined();
  });

  test('says once that the file is behind, that it is so for too long, and that it is over', async () => {
    const { record, end, said, subject } = setUp();
    record('a');
    record('b');
    await vi.advanceTimersByTimeAsync(AHEAD_FAULT_MS - 1);
    expect(said.events).toEqual([{ kind: 'ahead', hash: hashText('a') }]);
    await vi.advanceTimersByTimeAsync(1);
    expect(said.kinds()).toEqual(['ahead', 'ahead-too-long']);
    await end(null);
    await subject.idle();
    expect(said.events.at(-1)).toEqual({ kind: 'ahead-over', ms: AHEAD_FAULT_MS });
  });

  test('does not take a burst that goes on for a file that is not followed', async () => {
    const { record, end, said, subject } = setUp();
    for (let change = 0; change < 2 * (AHEAD_FAULT_MS / RECORD_EVERY_MS); change++) {
      record(`${change}`);
      await vi.advanceTimersByTimeAsync(RECORD_EVERY_MS / 2);
      record(`${change} and a half`);
      await end(null);
      await vi.advanceTimersByTimeAsync(RECORD_EVERY_MS / 2);
    }
    expect(new Set(said.kinds())).toEqual(new Set(['ahead']));
    await vi.advanceTimersByTimeAsync(AHEAD_FAULT_MS);
    expect(said.kinds()).toContain('ahead-too-long');
    await end(null);
    await subject.idle();
  });

  test('lets what is under way end when it is told to stop', async () => {
    const { record, end, recorded, stop, following } = setUp();
    record('a');
    await vi.advanceTimersByTimeAsync(0);
    stop.abort();
    await end(null);
    await following;
    expect(recorded).toEqual(['a']);
  });
});
