import { describe, expect, test } from 'vitest';
import { txnAnswer, watchAnswer } from '../../src/announce/etcd-messages.ts';
import { encode, Message } from '../../src/announce/protobuf.ts';
import { SourceError } from '../../src/errors.ts';

describe('a message', () => {
  test('is written and read with whole numbers of any size, texts, bytes and messages', () => {
    const largest = 2n ** 63n - 1n;
    const bytes = encode([
      [1, largest],
      [2, -1n],
      [3, true],
      [4, 'größe'],
      [5, encode([[1, 300]])],
      [5, encode([[1, 301]])],
      [6, undefined],
      [4096, 7],
    ]);
    const message = new Message(bytes);
    expect(message.number(1)).toBe(largest);
    expect(message.number(2)).toBe(-1n);
    expect(message.flag(3)).toBe(true);
    expect(message.text(4)).toBe('größe');
    expect(message.messages(5).map((one) => one.number(1))).toEqual([300n, 301n]);
    expect(message.number(6)).toBe(0n);
    expect(message.text(6)).toBe('');
    expect(message.message(6).number(1)).toBe(0n);
    expect(message.number(4096)).toBe(7n);
  });

  test('is the bytes of the specification', () => {
    expect(encode([[1, 150]]).toString('hex')).toBe('089601');
    expect(encode([[2, 'testing']]).toString('hex')).toBe('120774657374696e67');
    expect(encode([[3, encode([[1, 150]])]]).toString('hex')).toBe('1a03089601');
  });

  test('passes over fields of fixed length, which etcd may come to have', () => {
    const bytes = Buffer.from(`09${'00'.repeat(8)}15${'00'.repeat(4)}1807`, 'hex');
    expect(new Message(bytes).number(3)).toBe(7n);
  });

  test.each(['08', '0a05', '0aff', '0b', '0fff', `08${'ff'.repeat(11)}`, '<html>'])('is not %s', (text) => {
    const bytes = text.startsWith('<') ? Buffer.from(text) : Buffer.from(text, 'hex');
    expect(() => new Message(bytes)).toThrow(SourceError);
  });

  test('that is cut anywhere is an error or a shorter message, and never a hang or another kind of error', () => {
    const whole = encode([
      [1, encode([[3, 42]])],
      [
        3,
        encode([
          [
            1,
            encode([
              [
                2,
                encode([
                  [1, '/k'],
                  [5, 'v'],
                  [3, 9n],
                ]),
              ],
            ]),
          ],
        ]),
      ],
    ]);
    expect(txnAnswer(whole)).toMatchObject({
      revision: 42n,
      found: [{ key: '/k', value: 'v', modified: 9n }],
    });
    for (let length = 0; length < whole.length; length++) {
      for (const read of [txnAnswer, watchAnswer]) {
        try {
          read(whole.subarray(0, length));
        } catch (error) {
          expect(error).toBeInstanceOf(SourceError);
        }
      }
    }
  });
});
