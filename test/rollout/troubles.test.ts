import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Troubles } from '../../src/rollout/troubles.ts';

describe('Troubles', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
  afterEach(() => void vi.useRealTimers());

  test('holds each set back by itself, for longer with each failure, until it is accepted', () => {
    const troubles = new Troubles();
    const full = { kind: 'failed', message: 'the disk is full' } as const;
    expect([troubles.add('a', full), troubles.add('a', full), troubles.add('b', full)]).toEqual([
      1000, 2000, 1000,
    ]);
    vi.advanceTimersByTime(1500);
    expect([troubles.waitOf('a'), troubles.of('b'), troubles.waitOf('c')]).toEqual([500, null, 0]);
    expect(troubles.failuresOf('a')).toBe(2);
    troubles.forget('a');
    expect([troubles.of('a'), troubles.add('a', full)]).toEqual([null, 1000]);
  });

  test('does not let a refusal go before the quarantine was asked about it, however late that is', () => {
    const troubles = new Troubles();
    troubles.add('a', { kind: 'refused', output: 'no', lines: [1], judged: false });
    vi.advanceTimersByTime(60_000);
    expect(troubles.of('a')).toMatchObject({ kind: 'refused', judged: false });
    expect(troubles.waitOf('a')).toBe(0);
    troubles.judged('a');
    expect(troubles.of('a')).toBeNull();
  });

  test('holds a refusal against its set again where that turns out to be to blame after all', () => {
    const troubles = new Troubles();
    troubles.add('a', { kind: 'refused', output: 'no', lines: [], judged: true });
    const refused = troubles.of('a');
    troubles.excuse('a');
    expect(troubles.of('a')).toEqual({ ...refused, excused: true });
    troubles.blame('a');
    expect(troubles.of('a')).toEqual(refused);
    vi.advanceTimersByTime(1000);
    expect(troubles.of('a')).toBeNull();
    troubles.waitAnew('a');
    expect([troubles.of('a'), troubles.waitOf('a')]).toEqual([refused, 2000]);
  });

  test('remembers no more than a few', () => {
    const troubles = new Troubles();
    for (let at = 0; at < 100; at++) {
      troubles.add(`${at}`, { kind: 'failed', message: 'no' });
    }
    const known = Array.from({ length: 100 }, (_, at) => `${at}`).filter((hash) => troubles.of(hash));
    expect(known).toHaveLength(8);
    expect(known.at(-1)).toBe('99');
  });
});
