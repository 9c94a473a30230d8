import { describe, expect, test } from 'vitest';
import type { Entry } from '../../src/model/entry.ts';
import type { HeldPauses, PauseWish } from '../../src/ports/stores.ts';
import { Mailbox } from '../../src/reconcile/mailbox.ts';
import { Pause } from '../../src/reconcile/pause.ts';
import { waitFor } from '../support/haproxy.ts';
import { recorder } from './fakes.ts';

function setUp() {
  const state = {
    local: null as PauseWish | null,
    keys: [] as Entry[],
    seen: new Map<string, number>(),
    ended: null as PauseWish | null,
    held: [] as (HeldPauses | null)[],
  };
  const said = recorder();
  const mailbox = new Mailbox();
  const pause = new Pause({
    notes: {
      read: async () => state.local,
      async tell(held) {
        state.held.push(held);
      },
      takenBackBy: async (until) => (state.ended?.until === until ? state.ended.by : null),
      async firstSeen(ids, now) {
        state.seen = new Map(ids.map((id) => [id, state.seen.get(id) ?? now]));
        return state.seen;
      },
    },
    keys: () => state.keys,
    mailbox,
    emit: said.emit,
  });
  const key = (value: string, modified = 1n): Entry => ({
    key: '/ha/pointsman/pause',
    value,
    source: 0,
    created: 1n,
    modified,
  });
  return { state, said, mailbox, pause, key };
}

describe('Pause', () => {
  test('says that it holds only when a pass says so, of whom, and that it is over', async () => {
    const { state, pause, key } = setUp();
    await pause.look();
    // What another daemon left there is out of date.
    expect(state.held.splice(0)).toEqual([null]);
    const until = Date.now() + 60_000;
    state.local = { until, by: 'pointsman pause' };
    await pause.look();
    expect(state.held).toEqual([]);
    await pause.holds();
    expect(state.held).toEqual([{ host: until, others: [] }]);
    state.keys = [key('30m')];
    state.local = null;
    await pause.look();
    await pause.holds();
    expect(state.held.slice(1)).toMatchObject([
      { host: null, others: [{ by: 'the key /ha/pointsman/pause' }] },
    ]);
    state.keys = [];
    await pause.look();
    expect(state.held.at(-1)).toBeNull();
    state.local = { until, by: 'pointsman pause' };
    await pause.look();
    expect(state.held.at(-1)).toBeNull();
  });

  test('holds by the note of this host, and ends when it is taken back', async () => {
    const { state, said, mailbox, pause } = setUp();
    await pause.look();
    expect([pause.now, said.kinds()]).toEqual([null, []]);
    state.local = { until: Date.now() + 60_000, by: 'pointsman pause' };
    await pause.look();
    await pause.look();
    expect(pause.now).toEqual(state.local);
    expect(said.kinds()).toEqual(['paused']);
    expect(mailbox.take()?.triggers).toEqual(['a pause began']);
    state.local = null;
    await pause.look();
    expect(pause.now).toBeNull();
    expect(said.events.at(-1)).toEqual({
      kind: 'resumed',
      cause: 'pointsman pause was taken back',
      by: null,
    });
    expect(mailbox.take()?.triggers).toEqual(['the pause ended']);
  });

  test('ends by itself', async () => {
    const { state, said, pause } = setUp();
    state.local = { until: Date.now() + 300, by: 'pointsman pause' };
    await pause.look();
    expect(pause.now).not.toBeNull();
    await waitFor(() => pause.now === null);
    await pause.look();
    expect(said.events.at(-1)).toEqual({ kind: 'resumed', cause: 'its time is over', by: null });
  });

  test('wakes what found it before a look did, and that is over at the next look', async () => {
    const { said, mailbox, pause } = setUp();
    await pause.holds();
    await pause.look();
    await pause.look();
    expect(said.kinds()).toEqual([]);
    expect(mailbox.take()?.triggers).toEqual(['the pause ended']);
    await pause.look();
    expect(mailbox.peek()).toBeUndefined();
  });

  test('counts a duration in a key from when this value was first seen, and of several takes the longest', async () => {
    const { state, pause, key } = setUp();
    state.keys = [key('1h')];
    state.seen.set('/ha/pointsman/pause 1 1h', Date.now() - 1_800_000);
    await pause.look();
    expect(pause.now?.by).toBe('the key /ha/pointsman/pause');
    expect((pause.now?.until ?? 0) - Date.now()).toBeLessThanOrEqual(1_800_000);
    state.local = { until: Date.now() + 3_000_000, by: 'pointsman pause' };
    await pause.look();
    expect(pause.now?.by).toBe('pointsman pause');
  });

  test('says once that a key makes no sense, and ignores it', async () => {
    const { state, said, pause, key } = setUp();
    state.keys = [key('yes please')];
    await pause.look();
    await pause.look();
    expect([pause.now, said.kinds()]).toEqual([null, ['notice']]);
  });
});

test('Pause says who took one back, where somebody did', async () => {
  const { state, said, pause } = setUp();
  const until = Date.now() + 60_000;
  const wish = { until, by: 'pointsman pause by uid 7 (ann)' };
  for (const ended of [
    { until, by: 'uid 8 (bob)' },
    { until: until - 1, by: 'somebody before' },
  ]) {
    state.local = wish;
    await pause.look();
    Object.assign(state, { local: null, ended });
    await pause.look();
  }
  expect(said.events.filter(({ kind }) => kind === 'resumed')).toEqual([
    {
      kind: 'resumed',
      cause: 'pointsman pause by uid 7 (ann) was taken back by uid 8 (bob)',
      by: 'uid 8 (bob)',
    },
    { kind: 'resumed', cause: 'pointsman pause by uid 7 (ann) was taken back', by: null },
  ]);
});
