import { describe, expect, test } from 'vitest';
import { EventsEach, readIsQuicker } from '../../src/sources/etcd-backlog.ts';

const FEW = { revisions: 100n, eventsEach: 1, watches: 6, readTook: 200 };

describe('readIsQuicker()', () => {
  test('says no for a short backlog, and for a long one of a store that takes long to read', () => {
    expect(readIsQuicker(FEW)).toBe(false);
    expect(readIsQuicker({ ...FEW, revisions: 6_000n, readTook: 2_000 })).toBe(false);
  });

  test('says yes where a full read takes less than half of it', () => {
    expect(readIsQuicker({ ...FEW, revisions: 6_000n })).toBe(true);
  });

  test('says yes for few revisions of very many keys, however long a read takes', () => {
    expect(readIsQuicker({ ...FEW, revisions: 210n, eventsEach: 100, readTook: 20_000 })).toBe(true);
  });
});

describe('EventsEach', () => {
  test('follows what came last', () => {
    const each = new EventsEach();
    expect(each.mean).toBe(1);
    for (let at = 0; at < 50; at++) {
      each.note(100);
    }
    expect(each.mean).toBeGreaterThan(90);
    for (let at = 0; at < 100; at++) {
      each.note(1);
    }
    expect(each.mean).toBeLessThan(2);
  });
});
