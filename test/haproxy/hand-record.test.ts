import { expect, test } from 'vitest';
import { HandRecord } from '../../src/haproxy/hand-record.ts';
import { createStateFile } from '../../src/state/state-file.ts';
import { tempFolder } from '../support/haproxy.ts';

const drained = { backend: 'be', server: 'a', address: '127.0.0.1:1', admin: 'drain', weight: null } as const;

test('who is missing in a worker that was handed what was set was set back, also before the reload has answered', async () => {
  await using folder = await tempFolder();
  const over: string[] = [];
  const hands = new HandRecord({
    file: createStateFile(folder.path, 'set-by-hand.json'),
    onChange: (change) => change.kind === 'set-by-hand-over' && over.push(change.cause),
    onTrouble: (message) => over.push(message),
  });
  await hands.saw([drained], 1);
  await hands.saw([], 2);
  expect(over).toEqual(['undone']);

  await hands.saw([drained], 2);
  await hands.handOver(() => hands.saw([], 3));
  expect(over).toEqual(['undone', 'set back']);

  await hands.saw([drained], 3);
  // The worker from before answers once more.
  await hands.handOver(() => hands.saw([drained], 3));
  await hands.saw([], 4);
  expect(over).toEqual(['undone', 'set back', 'set back']);
  await hands.saw([drained], 4);
  await hands.saw([], 5);
  expect(over.at(-1)).toBe('undone');
});
