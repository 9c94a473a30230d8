import { expect, test } from 'vitest';
import { HandRecord } from '../../src/haproxy/hand-record.ts';
import type { StateFile } from '../../src/ports/stores.ts';
import { createStateFile } from '../../src/state/state-file.ts';
import { tempFolder } from '../support/haproxy.ts';

const drained = { backend: 'be', server: 'a', address: '127.0.0.1:1', admin: 'drain', weight: null } as const;
const late = { ...drained, server: 'late' } as const;
const worker = (pid: number) => ({ pid, startedAt: 1_000 * pid });

test('who is missing in a worker that was handed what was set was set back, also before the reload has answered', async () => {
  await using folder = await tempFolder();
  const over: string[] = [];
  const hands = recordIn(createStateFile(folder.path, 'set-by-hand.json'), over);
  await hands.saw([drained], worker(1));
  await hands.saw([], worker(2));
  expect(over).toEqual(['a undone']);

  await hands.saw([drained], worker(2));
  await hands.handOver(() => hands.saw([], worker(3)));
  expect(over).toEqual(['a undone', 'a set back']);

  await hands.saw([drained], worker(3));
  // The worker from before answers once more.
  await hands.handOver(() => hands.saw([drained], worker(3)));
  await hands.saw([], worker(4));
  expect(over).toEqual(['a undone', 'a set back', 'a set back']);
  await hands.saw([drained], worker(4));
  await hands.saw([], worker(5));
  expect(over.at(-1)).toBe('a undone');
});

test('what was set on the worker that leaves, after the next one was handed what was known, is told as undone', async () => {
  await using folder = await tempFolder();
  const over: string[] = [];
  const hands = recordIn(createStateFile(folder.path, 'set-by-hand.json'), over);
  await hands.saw([drained], worker(1));
  await hands.handOver(() => hands.saw([drained, late], worker(1)));
  await hands.saw([drained], worker(2));
  expect(over).toEqual(['late undone']);
});

test('a HAProxy that began anew while Pointsman was away has undone it; in one that goes on it was set back', async () => {
  await using folder = await tempFolder();
  const over: string[] = [];
  const again = () => recordIn(createStateFile(folder.path, 'set-by-hand.json'), over);
  await again().saw([drained, late], worker(1));
  // HAProxy counts whole seconds.
  await again().saw([late], { ...worker(1), startedAt: 1_001 });
  expect(over).toEqual(['a set back']);
  // In a container the next one has the same PID.
  await again().saw([], { ...worker(1), startedAt: 2_000 });
  expect(over).toEqual(['a set back', 'late undone']);
});

function recordIn(file: StateFile, over: string[]): HandRecord {
  return new HandRecord({
    file,
    onChange: (change) =>
      change.kind === 'set-by-hand-over' && over.push(`${change.server.server} ${change.cause}`),
    onTrouble: (message) => over.push(message),
  });
}
