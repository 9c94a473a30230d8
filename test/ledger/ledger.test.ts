import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import type { PassEvent, PointsmanEvent } from '../../src/events.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import { readLedger } from '../../src/ledger/read-ledger.ts';
import { samplePass } from '../status/sample-pass.ts';
import { tempFolder, waitFor } from '../support/haproxy.ts';
import { textOf } from './samples.ts';

/** A ledger, what it said, and a way to tell it of a pass that wanted the text of a number. */
function ledgerIn(stateDir: string) {
  const said: PointsmanEvent[] = [];
  const ledger = new Ledger({ stateDir, file: '/h.cfg', emit: (event) => void said.push(event) });
  const pass = (to: number, more: Partial<PassEvent> = {}) => {
    ledger.note({ before: textOf(to - 1), wanted: textOf(to), services: ['web'], rollback: null });
    ledger.listener(samplePass({ outcome: 'reloaded', changes: [`web: s is ${to}`], ...more }));
  };
  const of = (kind: PointsmanEvent['kind']) => said.filter((event) => event.kind === kind);
  return { ledger, pass, of };
}

test('while it cannot write, the newest passes wait and the others are counted: the entry after them says so', async () => {
  await using folder = await tempFolder();
  const history = path.join(folder.path, 'history');
  await writeFile(history, '');
  const { ledger, pass, of } = ledgerIn(folder.path);
  await using _ledger = ledger;
  for (let to = 1; to <= 50; to++) {
    pass(to);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await waitFor(() => of('ledger-failed').length > 0, { timeout: 20_000 });
  await rm(history);
  await waitFor(() => of('ledger-mended').length > 0, { timeout: 40_000 });
  await ledger.idle();
  const found = (await readLedger(folder.path).history({ limit: 100 })).toReversed();
  expect(found.map(({ number }) => number)).toEqual(found.map((_, at) => at + 1));
  expect(found[0]?.dropped).toBe(50 - found.length);
  expect(found[0]?.dropped).toBeGreaterThan(0);
  expect(found.slice(1).map(({ dropped }) => dropped)).toEqual(found.slice(1).map(() => 0));
  expect(found.at(-1)?.changes).toEqual(['web: s is 50']);
  expect(of('ledger-failed')).toHaveLength(1);
  expect(of('ledger-mended')).toEqual([{ kind: 'ledger-mended', dropped: found[0]?.dropped }]);
});

test('what is still not written at the end is said', async () => {
  await using folder = await tempFolder();
  await writeFile(path.join(folder.path, 'history'), '');
  const { ledger, pass, of } = ledgerIn(folder.path);
  pass(1);
  pass(2);
  await ledger[Symbol.asyncDispose]();
  expect(of('notice')).toMatchObject([{ message: 'ending: 2 passes are not in the ledger' }]);
});

test('what stands in its way is said anew where it is something else', async () => {
  await using folder = await tempFolder();
  const history = path.join(folder.path, 'history');
  await writeFile(history, '');
  const { ledger, pass, of } = ledgerIn(folder.path);
  await using _ledger = ledger;
  pass(1);
  await waitFor(() => of('ledger-failed').length === 1, { timeout: 20_000 });
  await rm(history);
  await mkdir(path.join(history, '0000000001.ledger'), { recursive: true });
  await waitFor(() => of('ledger-failed').length === 2, { timeout: 40_000 });
  const [first, second] = of('ledger-failed').map((event) => String('message' in event && event.message));
  expect(first).toMatch(/ENOTDIR|EEXIST/);
  expect(second).toContain('EISDIR');
});

test('a bug with one entry costs that entry', async () => {
  await using folder = await tempFolder();
  const { ledger, pass, of } = ledgerIn(folder.path);
  await using _ledger = ledger;
  const thrower = {
    toJSON: () => {
      throw new Error('a bug');
    },
  };
  pass(1);
  await ledger.idle();
  pass(2, { triggers: [thrower as unknown as string] });
  pass(3);
  await ledger.idle();
  const found = await readLedger(folder.path).history({});
  expect(found.map(({ number, dropped }) => [number, dropped])).toEqual([
    [2, 1],
    [1, 0],
  ]);
  expect(of('part-failed')).toMatchObject([{ where: 'writing the ledger', message: 'a bug' }]);
});

test('a pause and its end are entries with who wanted them, and what was said meanwhile is in the one after it', async () => {
  await using folder = await tempFolder();
  const { ledger, pass } = ledgerIn(folder.path);
  await using _ledger = ledger;
  const until = Date.UTC(2026, 2, 1);
  const nothing = { keys: [], count: 0, revision: null, by: [] };
  const paused = { outcome: 'paused', error: 'paused until then', came: nothing, changes: [] } as const;
  pass(1);
  ledger.listener({ kind: 'paused', until, by: 'pointsman pause by uid 7 (ann)' });
  pass(2, paused);
  ledger.listener({
    kind: 'keys-rejected',
    rejected: [{ key: '/services/web/x', value: 'x', reason: 'no port' }],
  });
  ledger.listener({ kind: 'paused', until, by: 'pointsman pause by uid 7 (ann)' });
  pass(3, paused);
  ledger.listener({ kind: 'resumed', cause: 'pointsman pause was taken back', by: 'uid 8 (bob)' });
  pass(3, { outcome: 'unchanged', came: nothing });
  await ledger.idle();
  const found = (await readLedger(folder.path).history({})).toReversed();
  expect(found).toMatchObject([
    { number: 1, outcome: 'reloaded' },
    {
      number: 2,
      outcome: 'paused',
      by: ['pointsman pause by uid 7 (ann)'],
      words: ['paused until 2026-03-01T00:00:00.000Z by pointsman pause by uid 7 (ann)'],
      hash: null,
    },
    {
      number: 3,
      outcome: 'unchanged',
      by: ['uid 8 (bob)'],
      words: ['/services/web/x is rejected: no port', 'no longer paused: pointsman pause was taken back'],
    },
  ]);
});
