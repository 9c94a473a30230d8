import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseInstance } from '../../src/model/instance-value.ts';
import { asWritten, isExact, parseJson, WrittenNumber } from '../../src/model/written-number.ts';

describe('parseJson()', () => {
  test.each([
    '[12345678901234567890]',
    '[9007199254740993]',
    '{"n":-9007199254740993.5}',
    '[1.0,1.10,1e3,1E-7,1e400,1e-400,0.1]',
    '[[1e3],{"a":1.50}]',
    '5.0',
  ])('keeps %s as it is written', (text) => {
    expect(JSON.stringify(parseJson(text))).toBe(text);
  });

  test('gives plain numbers where those read the same, and for zero, which is false', () => {
    expect(parseJson('[1, 1.5, -2, 0.0, -0, 9007199254740991]')).toEqual([
      1, 1.5, -2, 0, -0, 9007199254740991,
    ]);
    expect(parseJson('{"host": "10.0.0.1", "port": 80}')).toEqual({ host: '10.0.0.1', port: 80 });
  });

  test('is JSON.parse for whatever JSON says', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        const plain = (value: unknown) => JSON.stringify(value);
        expect(plain(JSON.parse(plain(parseJson(text))))).toBe(plain(JSON.parse(text)));
      }),
    );
    expect(() => parseJson('[1.0')).toThrow(SyntaxError);
  });
});

test.each([
  ['12345678901234567890', false],
  ['9007199254740993', false],
  ['9007199254740992', true],
  ['1e400', false],
  ['1e-400', false],
  ['0.1', true],
  ['1.10', true],
  ['-0.00', true],
  ['100e-2', true],
  ['0.1000000000000000055', false],
])('isExact(%s) is %s', (text, exact) => {
  expect(isExact(text)).toBe(exact);
  const written = asWritten(text);
  expect(written instanceof WrittenNumber ? written.isExact : true).toBe(exact);
});

describe('an instance', () => {
  const parse = (fields: string) => {
    const parsed = parseInstance('/services/a/b', 'b', `{"host":"10.0.0.1","port":80,${fields}}`);
    return parsed.kind === 'good' ? parsed.value : parsed.reason;
  };

  test('has the numbers of its meta as they are written', () => {
    expect(JSON.stringify(parse('"meta":{"build":12345678901234567890},"version":1.10'))).toContain(
      '"meta":{"version":1.10,"build":12345678901234567890}',
    );
  });

  test('takes a number for a field in whatever way it is written', () => {
    expect(parse('"weight":1e2,"maxconn":20.0')).toMatchObject({ weight: 100, maxconn: 20 });
    expect(parse('"weight":1e400')).toBe('weight must be a whole number from 0 to 256, found 1e400');
    const meta = parseInstance('/services/a/b', 'b', '{"host":"10.0.0.1","port":80,"meta":1.0}');
    expect(meta).toMatchObject({ dropped: [{ field: 'meta', reason: 'meta must be an object, found 1.0' }] });
  });
});
