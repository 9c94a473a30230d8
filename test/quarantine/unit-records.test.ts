import { describe, expect, test } from 'vitest';
import type { Entry } from '../../src/model/entry.ts';
import { ReadEntry } from '../../src/model/read-entry.ts';
import { readRecords, recordsText } from '../../src/quarantine/unit-records.ts';
import { unitOf, valueUnit } from '../../src/tree/unit.ts';
import { entry, OPTIONS } from '../support/catalog.ts';

const originOf = (...sources: string[]) => ({ whole: sources.join(), sources });
const HERE = originOf('here');

/** What is set aside of a service, with the last good form of an instance from this source. */
function aside(name: string, source: number | null) {
  const at = ReadEntry.of(
    { ...entry(`/services/${name}/a`, '10.0.0.1:80', 3), source: source ?? 0 },
    OPTIONS.grammar,
  );
  const good = new Map(source === null ? [] : [[at.key, at]]);
  return { unit: unitOf(at), good, reason: 'no', by: 'reload', binds: ['bind :80'], since: 5 } as const;
}
const read = (one: Entry) => ReadEntry.of(one, OPTIONS.grammar);
const of = (one: Entry) => new Map([[one.key, read(one)]]);
const WEB = unitOf(read(entry('/services/web/a', 'x')));

describe('the record of what is set aside', () => {
  test('reads back what was written, and nothing that is not whole', () => {
    const good = of(entry('/services/web/a', '10.0.0.1:80', 12));
    const one = entry('/haproxy/x', 'y', 7);
    const value = valueUnit(read(one));
    const text = recordsText([
      { unit: value, good: of(one), reason: 'a bug', since: 6 },
      { unit: WEB, good, reason: 'unknown keyword', since: 5 },
    ]);
    expect(readRecords(text)).toMatchObject([
      { unit: value, good: [one] },
      { unit: WEB, good: [...good.values()], reason: 'unknown keyword', since: 5 },
    ]);
    expect(readRecords('{"version":1,"units":[]}', HERE)).toEqual([]);
    expect(readRecords(recordsText([], HERE), HERE)).toEqual([]);
    expect(readRecords(recordsText([], HERE), originOf('there'))).toBeNull();
    expect(readRecords(text.slice(0, -9))).toBeNull();
    expect(readRecords('{"version":99,"units":[]}')).toBeNull();
    expect(readRecords('{"version":1,"units":[{"kind":"odd"}]}')).toBeNull();
  });

  test('records are read for sources that are the same, at their places of now', () => {
    const text = recordsText([aside('gone', 0), aside('web', 1), aside('never', null)], originOf('a', 'b'));
    const found = readRecords(text, originOf('b', 'new'));
    expect(found?.map(({ unit, good }) => [unit.id, good.map(({ source }) => source)])).toEqual([
      ['instances of web', [0]],
      ['instances of never', []],
    ]);
    expect(found?.[0]).toMatchObject({ reason: 'no', by: 'reload', binds: ['bind :80'], since: 5 });
    expect(readRecords(text, originOf('a', 'b'))).toHaveLength(3);
    expect(readRecords(text, originOf('c'))).toBeNull();
    expect(readRecords(text)).toBeNull();
  });
});
