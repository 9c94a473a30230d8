import { describe, expect, test } from 'vitest';
import type { Entry } from '../../src/model/entry.ts';
import { ReadEntry } from '../../src/model/read-entry.ts';
import { QuarantineRecord } from '../../src/quarantine/quarantine-record.ts';
import { unitOf } from '../../src/tree/unit.ts';
import { recorder, servedAndDrawing } from '../reconcile/fakes.ts';
import { entry, OPTIONS } from '../support/catalog.ts';

const read = (one: Entry) => ReadEntry.of(one, OPTIONS.grammar);
const put = (one: Entry) => ({ kind: 'put', entry: read(one) }) as const;
const at = '/services/web/a';
const good = entry(at, { host: '10.0.0.1', port: 80, opt: 'ok' }, 1);
const bad = entry(at, { host: '10.0.0.1', port: 80, opt: 'bad' }, 2);
const of = (one: Entry) => new Map([[one.key, read(one)]]);

describe('QuarantineRecord', () => {
  test('tells once, and sees another value of what is set aside, not the same one written anew', () => {
    const said = recorder();
    const { served } = servedAndDrawing(said.emit);
    served.apply([put(bad)]);
    served.begin('sure');
    const record = new QuarantineRecord({ served, emit: said.emit });
    served.setAside(unitOf(read(bad)), { kept: of(good), judged: of(bad), reason: 'no' });
    expect(record.look()).toMatchObject({ appeared: [{ reason: 'no' }], hasMoved: false });
    served.apply([put({ ...bad, modified: 9n })]);
    expect(record.look()).toEqual({ appeared: [], hasMoved: false });
    served.apply([put({ ...bad, value: bad.value.replace('bad', 'worse') })]);
    expect(record.look()).toEqual({ appeared: [], hasMoved: true });
    served.apply([put(good)]);
    expect(record.look()).toEqual({ appeared: [], hasMoved: true });
    const told = said.kinds().filter((kind) => kind.startsWith('quarantine'));
    expect(told).toEqual(['quarantined', 'quarantine-released']);
  });
});
