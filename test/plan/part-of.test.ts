import { describe, expect, test } from 'vitest';
import { Planner } from '../../src/plan/planner.ts';

const HEAD = 'global\n  maxconn 100\ndefaults\n  mode http\n  timeout connect 1s\n';
const backend = (name: string, ...lines: string[]) =>
  `backend ${name}\n${lines.map((line) => `  ${line}\n`).join('')}`;
const A = 'server a 10.0.0.1:80';
const B = 'server b 10.0.0.2:80';

function partOf(running: string, next: string) {
  return new Planner(running, { version: '2.6.12' }).partOf(next);
}

describe('the part of a text that goes without a reload', () => {
  test('is the servers of the backends that are in both texts, where another backend is new', () => {
    const running = HEAD + backend('web', A);
    const part = partOf(running, HEAD + backend('new', A) + backend('web', A, B));
    expect(part?.text).toBe(HEAD + backend('web', A, B));
    expect(part?.commands).toMatchObject([{ kind: 'add', backend: 'web', server: 'b' }]);
  });

  test('is the servers of the backends that are in both texts, where another backend is gone', () => {
    const running = HEAD + backend('old', A) + backend('web', A, B);
    const part = partOf(running, HEAD + backend('web', B));
    expect(part?.text).toBe(HEAD + backend('old', A) + backend('web', B));
    expect(part?.commands).toMatchObject([{ kind: 'remove', backend: 'web', server: 'a' }]);
  });

  test('leaves out a backend of which more than servers changed', () => {
    const running = HEAD + backend('one', A) + backend('two', A);
    const next = HEAD + backend('one', 'balance leastconn', A, B) + backend('two', B);
    expect(partOf(running, next)?.text).toBe(HEAD + backend('one', A) + backend('two', B));
  });

  test('is nothing where no backend changed only its servers', () => {
    const running = HEAD + backend('web', A);
    expect(partOf(running, HEAD + backend('web', 'balance leastconn', A, B))).toBeNull();
    expect(partOf(running, HEAD.replace('100', '200') + backend('web', A))).toBeNull();
    expect(partOf(running, running)).toBeNull();
  });

  test('is made with what the servers inherit by now: new defaults are a reload', () => {
    const running = HEAD + backend('web', A);
    const next = HEAD.replace('mode http', 'mode http\n  default-server check') + backend('web', A, B);
    expect(partOf(running, next)?.commands ?? []).not.toContainEqual(
      expect.objectContaining({ keywords: expect.arrayContaining(['check']) }),
    );
  });
});
