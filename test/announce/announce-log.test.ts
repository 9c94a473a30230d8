import { expect, test } from 'vitest';
import { type AnnounceLogOptions, announceLog } from '../../src/announce/announce-log.ts';
import type { AnnounceEvent } from '../../src/announce/events.ts';

function written(event: AnnounceEvent, options: Partial<AnnounceLogOptions> = {}): readonly string[] {
  const lines: string[] = [];
  const write = (line: string) => lines.push(line);
  announceLog({ level: 'info', format: 'json', terminal: false, write, ...options })(event);
  return lines;
}

const PUT: AnnounceEvent = { kind: 'registered', key: '/services/web/i', value: '{"host":"h"}', why: 'gone' };

test('an event is one line of JSON like those of run, with its level, time, kind and fields', () => {
  const [line = '', ...more] = written(PUT);
  expect(more).toEqual([]);
  expect(JSON.parse(line)).toEqual({
    level: 'warn',
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
    event: 'registered',
    key: '/services/web/i',
    value: '{"host":"h"}',
    why: 'gone',
    msg: 'registered /services/web/i: it had disappeared from the store',
  });
});

test('in a terminal it is a line for people', () => {
  for (const options of [{ format: 'pretty' }, { format: 'auto', terminal: true }] as const) {
    expect(written(PUT, options)).toEqual([
      expect.stringMatching(/^\[\d\d:\d\d:\d\d\.\d{3}\] WARN: registered \/services\/web\/i: /),
    ]);
  }
});

test('what is quieter than asked for is left out', () => {
  const renewed: AnnounceEvent = { kind: 'lease-renewed', lease: '7' };
  expect(written(renewed)).toEqual([]);
  expect(written(renewed, { level: 'debug' })).toHaveLength(1);
  expect(written(PUT, { level: 'error' })).toEqual([]);
});

test("no text of somebody else's passes for a line of its own, or hides what it is", () => {
  const who = 'the owner x\n{"level":"info"}\u202e';
  const held: AnnounceEvent = { kind: 'held-by-other', key: '/services/web/i', who, hint: 'h' };
  const [line = ''] = written(held);
  expect(line).not.toMatch(/\n|\u202e/);
  expect(JSON.parse(line).who).toBe('the owner x\\n{"level":"info"}\\u202e');
  expect(written(held, { format: 'pretty' }).join()).not.toMatch(/\n|\u202e/);
});
