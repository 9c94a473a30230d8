import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Change } from '../../src/model/entry.ts';
import type { SourceEvent } from '../../src/ports/source.ts';
import { JoiningQueue } from '../../src/sources/joining-queue.ts';
import { entry } from '../support/catalog.ts';

const put = (key: string, value: string): Change => ({ kind: 'put', entry: entry(key, value) });
const changes = (revision: bigint, ...all: Change[]): SourceEvent => ({
  kind: 'changes',
  changes: all,
  revision,
});
const heard = (index: number, changed: number, revision: bigint): SourceEvent => ({
  ...{ kind: 'heard', of: { index, name: `source ${index}` }, what: 'changes' },
  ...{ changed, keys: Number(revision) * 10, revision },
});
const live: SourceEvent = { kind: 'state', state: 'live', of: { index: 0, name: 'source 0' } };

function drain(queue: JoiningQueue): SourceEvent[] {
  const all: SourceEvent[] = [];
  for (let event = queue.shift(); event; event = queue.shift()) {
    all.push(event);
  }
  return all;
}

describe('JoiningQueue', () => {
  test('makes one event of the transactions that wait, and one of what each source says before them', () => {
    const queue = new JoiningQueue();
    const [a, b, c] = [put('/a', '1'), put('/b', '1'), put('/a', '2')] as const;
    for (const event of [
      heard(0, 1, 7n),
      changes(7n, a),
      heard(1, 2, 3n),
      changes(8n, b),
      heard(0, 1, 9n),
      changes(9n, c),
    ]) {
      queue.push(event);
    }
    expect(drain(queue)).toEqual([heard(0, 2, 9n), heard(1, 2, 3n), changes(9n, a, b, c)]);
  });

  test('leaves what was taken alone, and the order of everything else', () => {
    const queue = new JoiningQueue();
    const snapshot: SourceEvent = { kind: 'snapshot', entries: [], revision: 2n };
    queue.push(changes(1n, put('/a', '1')));
    const [first] = [queue.shift()];
    for (const event of [changes(2n, put('/b', '1')), live, changes(3n), snapshot, heard(0, 1, 4n)]) {
      queue.push(event);
    }
    expect(first).toEqual(changes(1n, put('/a', '1')));
    expect(drain(queue)).toEqual([changes(2n, put('/b', '1')), live, changes(3n), snapshot, heard(0, 1, 4n)]);
  });

  test('gives every change once and in its order, whenever it is asked', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('change', 'heard', 'state', 'take')), (steps) => {
        const queue = new JoiningQueue();
        const taken: SourceEvent[] = [];
        let number = 0;
        for (const step of steps) {
          if (step === 'change') {
            number++;
            queue.push(changes(BigInt(number), put('/a', String(number))));
          } else if (step === 'take') {
            taken.push(...[queue.shift()].filter((event) => event !== undefined));
          } else {
            queue.push(step === 'heard' ? heard(0, 1, BigInt(number)) : live);
          }
        }
        taken.push(...drain(queue));
        const seen = taken.flatMap((event) => (event.kind === 'changes' ? event.changes : []));
        expect(seen).toEqual(Array.from({ length: number }, (_, at) => put('/a', String(at + 1))));
        expect(taken.filter(({ kind }) => kind === 'state')).toHaveLength(
          steps.filter((step) => step === 'state').length,
        );
      }),
    );
  });
});
