import { expect, it } from 'vitest';
import { withMark } from '../../src/plan/mark.ts';
import { clock } from '../../src/ports/clock.ts';
import type { HaproxyState } from '../../src/ports/haproxy.ts';
import { Serial } from '../../src/ports/serial.ts';
import { Mailbox } from '../../src/reconcile/mailbox.ts';
import { BesideWorkers } from '../../src/rollout/beside-workers.ts';
import { setOf, withAnswer, withFile, withLoaded, withRunAhead } from '../../src/rollout/current.ts';
import { CurrentState } from '../../src/rollout/current-state.ts';
import { watchHaproxy } from '../../src/rollout/haproxy-watch.ts';
import { recorder } from '../reconcile/fakes.ts';
import { pushable } from '../reconcile/pushable.ts';
import { waitFor } from '../support/haproxy.ts';

const SET = setOf('global\n');

function running(mark: string): HaproxyState {
  return { kind: 'running', pid: 7, mark, version: '3.0.0', reloads: 0, failedReloads: 0, oldWorkers: 0 };
}

async function following(now: () => HaproxyState) {
  const { emit, events, kinds } = recorder();
  const news = pushable<HaproxyState>();
  const current = new CurrentState('haproxy', emit);
  current.replace((state) => withFile(state, withMark(SET.text)));
  current.replace((state) => withAnswer(state, now()));
  current.replace((state) => withLoaded(state, SET, 7));
  const [mailbox, queue] = [new Mailbox(), new Serial()];
  let asked = 0;
  const haproxy = {
    watch: news.watch,
    state: async () => {
      asked += 1;
      return now();
    },
  };
  const drawing = { runsOn: () => false, loadedBeside: () => false };
  const beside = new BesideWorkers();
  const end = new AbortController();
  const followed = watchHaproxy({ haproxy, current, drawing, beside, queue, mailbox, emit }, end.signal);
  return {
    news,
    events,
    current,
    queue,
    kinds,
    mailbox,
    asked: () => asked,
    async [Symbol.asyncDispose]() {
      end.abort();
      await followed;
    },
  };
}

it('what was seen in the middle of a reload of ours is asked again when that is over, and is no drift', async () => {
  await using rig = await following(() => running(SET.hash));
  const { news, queue, kinds, mailbox, asked } = rig;
  const reload = Promise.withResolvers<void>();
  const reloaded = queue.run(() => reload.promise);
  news.push(running('changing'));
  await clock.breathe();
  expect(asked()).toBe(0);
  reload.resolve();
  await reloaded;
  await waitFor(() => asked() === 1);
  expect(kinds()).not.toContain('haproxy-drift');
  expect(mailbox.peek()).toBeUndefined();
});

it('what we made HAProxy run is told as verified at once, before a pass ends', async () => {
  await using rig = await following(() => running(SET.hash));
  const { events, current } = rig;
  current.replace((state) => withRunAhead(state, { text: 'other', hash: 'ahead' }));
  expect(events.at(-1)).toMatchObject({ kind: 'haproxy-changed', verified: 'ahead' });
});

it('what is known already is not asked again: our own change at run time is no news', async () => {
  await using rig = await following(() => running('ahead'));
  const { news, current, asked, queue } = rig;
  current.replace((state) => withRunAhead(state, { text: 'other', hash: 'ahead' }));
  news.push(running('ahead'));
  await clock.breathe();
  await queue.idle();
  expect(asked()).toBe(0);
  news.push({ ...running('ahead'), pid: 8 } as HaproxyState);
  await waitFor(() => asked() === 1);
});

it('what still is another text when it is asked again is a drift', async () => {
  await using rig = await following(() => running('somebody'));
  const { news, kinds, mailbox } = rig;
  news.push(running('somebody'));
  await waitFor(() => kinds().includes('haproxy-drift'));
  expect(mailbox.peek()?.triggers).toEqual(['HAProxy runs another text']);
});
