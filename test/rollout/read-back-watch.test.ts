import { describe, expect, test } from 'vitest';
import { hashText, withMark } from '../../src/plan/mark.ts';
import type { ExpectedServers, ReadBack } from '../../src/ports/runtime.ts';
import { Mailbox } from '../../src/reconcile/mailbox.ts';
import { doubtNow, withAnswer, withFile } from '../../src/rollout/current.ts';
import { CurrentState } from '../../src/rollout/current-state.ts';
import { watchServers } from '../../src/rollout/read-back-watch.ts';
import { recorder } from '../reconcile/fakes.ts';
import { waitFor } from '../support/haproxy.ts';

const TEXT = 'backend be_web\n  server a 10.0.0.1:80\n  server b name:80\n';

function setUp(answer: (look: number) => ReadBack) {
  const said = recorder();
  const mailbox = new Mailbox();
  const current = new CurrentState('haproxy', () => {});
  const haproxy = { kind: 'running', pid: 7, mark: hashText(TEXT), version: null } as const;
  current.replace((now) => withAnswer(withFile(now, withMark(TEXT)), haproxy));
  const expected: ExpectedServers[] = [];
  const readBackAll = async ({ servers }: { servers: ExpectedServers }) => {
    expected.push(servers);
    return answer(expected.length);
  };
  const options = { runtime: { readBackAll }, current, mailbox, emit: said.emit, readBack: 5 };
  const stop = new AbortController();
  const following = watchServers(options, stop.signal).catch((error: unknown) => {
    if (!stop.signal.aborted) {
      throw error;
    }
  });
  return {
    said,
    current,
    mailbox,
    expected,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await following;
    },
  };
}

const differs: ReadBack = { kind: 'differs', differences: ['server be_web/a has the port 81, not 80'] };

describe('watchServers()', () => {
  test('does not trust a worker any more whose servers differ at a second look, and wakes the loop', async () => {
    await using look = setUp(() => differs);
    await waitFor(() => look.mailbox.peek() !== undefined);
    expect(doubtNow(look.current.now)).toContain('server be_web/a has the port 81');
    expect(look.said.events[0]).toMatchObject({ kind: 'servers-drifted', count: 1 });
    expect(look.expected[0]?.get('be_web')?.get('a')).toEqual({ host: '10.0.0.1', port: 80 });
    expect(look.expected[0]?.get('be_web')?.get('b')).toEqual({});
  });

  test('takes what is right at the second look for the middle of a change', async () => {
    await using look = setUp((count) => (count % 2 === 1 ? differs : { kind: 'same', servers: 2 }));
    await waitFor(() => look.expected.length > 6);
    expect(look.said.events).toEqual([]);
    expect(doubtNow(look.current.now)).toBeNull();
  });

  test('does not look while it is not known what HAProxy runs', async () => {
    await using look = setUp(() => differs);
    let asked = 0;
    const unknown = { ...look.current.now, applied: { kind: 'unknown' } } as const;
    Object.defineProperty(look.current, 'now', {
      get: () => {
        asked += 1;
        return unknown;
      },
    });
    await waitFor(() => asked > 5);
    expect(look.expected).toEqual([]);
  });
});
