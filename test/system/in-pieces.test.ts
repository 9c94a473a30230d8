import { expect, test } from 'vitest';
import { atOnce, inPieces, jsonText, type Pieces } from '../../src/system/in-pieces.ts';

function* busy(pieces: number): Pieces<number> {
  for (let piece = 0; piece < pieces; piece++) {
    const end = performance.now() + 1;
    while (performance.now() < end) {
      // Works.
    }
    yield;
  }
  return pieces;
}

test('work in pieces lets others have their turns, and gives what it gives at once', async () => {
  let turns = 0;
  let isDone = false;
  const turn = () => {
    turns += 1;
    if (!isDone) {
      setImmediate(turn);
    }
  };
  setImmediate(turn);
  expect(await inPieces(busy(100))).toBe(100);
  isDone = true;
  expect(turns).toBeGreaterThan(5);
  expect(atOnce(busy(3))).toBe(3);
});

test.each([{ list: [1, { a: 'x' }], other: 'text', none: null }, { list: [], other: 1 }, { list: ['only'] }])(
  'the text of an object that is made in pieces is its JSON: %j',
  (object) => {
    expect(JSON.parse(atOnce(jsonText(object as { list: unknown[] }, 'list')))).toEqual(object);
  },
);

test('an error of the work is thrown on', async () => {
  await expect(
    inPieces(
      (function* (): Pieces<never> {
        yield;
        throw new Error('a bug');
      })(),
    ),
  ).rejects.toThrow('a bug');
});
