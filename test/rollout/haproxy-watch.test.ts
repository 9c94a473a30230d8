import { expect, it } from 'vitest';
import { withMark } from '../../src/plan/mark.ts';
import type { HaproxyState } from '../../src/ports/haproxy.ts';
import { Mailbox } from '../../src/reconcile/mailbox.ts';
import { CurrentState, setOf, withFile, withLoaded, withRunAhead } from '../../src/rollout/current.ts';
import { HaproxyWatch } from '../../src/rollout/haproxy-watch.ts';
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
  const current = new CurrentState('haproxy');
  current.replace((state) => withFile(state, withMark(SET.text)));
  const mailbox = new Mailbox();
  let asked = 0;
  const control = {
    watch: news.watch,
    state: async () => {
      asked += 1;
      return now();
    },
    reload: async () => {
      throw new Error('nobody reloads here');
    },
    [Symbol.asyncDispose]: async () => {},
  };
  const watch = new HaproxyWatch({ control, current, drawing: { runsOn: () => false }, mailbox, emit });
  const end = new AbortController();
  await watch.ask(end.signal);
  current.replace((state) => withLoaded(state, SET, 7));
  asked = 0;
  const followed = watch.follow(end.signal);
  return {
    watch,
    news,
    events,
    current,
    kinds,
    mailbox,
    asked: () => asked,
    async [Symbol.asyncDispose]() {
      end.abort();
      await followed;
    },
  };
}

it('what was seen in the middle of a pass that is over by now is asked again, and is no drift', async () => {
  await using rig = await following(() => running(SET.hash));
  const { watch, news, kinds, mailbox, asked } = rig;
  watch.hold();
  await watch.release(new AbortController().signal);
  news.push(running('changing'));
  await waitFor(() => asked() > 0);
  news.push(running(SET.hash));
  await waitFor(() => asked() === 1);
  expect(kinds()).not.toContain('haproxy-drift');
  expect(mailbox.peek()).toBeUndefined();
});

it('what we made HAProxy run is told as verified when it is asked, before a pass ends', async () => {
  let mark = SET.hash;
  await using rig = await following(() => running(mark));
  const { watch, events, current } = rig;
  watch.hold();
  mark = 'ahead';
  current.replace((state) => withRunAhead(state, { text: 'other', hash: 'ahead' }));
  await watch.ask(new AbortController().signal);
  expect(events.at(-1)).toMatchObject({ kind: 'haproxy-changed', verified: 'ahead' });
});

it('what still is another text when it is asked again is a drift', async () => {
  await using rig = await following(() => running('somebody'));
  const { news, kinds, mailbox } = rig;
  news.push(running('somebody'));
  await waitFor(() => kinds().includes('haproxy-drift'));
  expect(mailbox.peek()?.triggers).toEqual(['HAProxy runs another text']);
});
