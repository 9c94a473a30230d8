import { describe, expect, test } from 'vitest';
import { LONGEST_PAUSE, parsePause } from '../../src/model/pause-end.ts';

const NOW = Date.parse('2026-03-01T14:00:00Z');

describe('parsePause()', () => {
  test.each([
    ['2026-03-01T14:30:00Z', NOW + 1_800_000],
    ['2026-03-01T15:30+01:00', NOW + 1_800_000],
    [' 30m\n', NOW + 1_800_000],
    ['2026-03-01T13:00:00Z', NOW - 3_600_000],
    ['168h', NOW + LONGEST_PAUSE],
  ])('reads %j', (value, until) => expect(parsePause(value, NOW)).toBe(until));

  test.each([
    '',
    'on',
    'true',
    '30',
    '30 m',
    '2026-03-01',
    '2026-03-01T14:30:00',
    '169h',
    '2027-01-01T00:00Z',
  ])('refuses %j', (value) => expect(parsePause(value, NOW)).toBeNull());
});
