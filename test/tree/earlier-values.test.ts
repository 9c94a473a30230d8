import { describe, expect, test, vi } from 'vitest';
import type { Entry } from '../../src/model/entry.ts';
import type { Source } from '../../src/ports/source.ts';
import { takeEarlierValues } from '../../src/tree/earlier-values.ts';
import { Trees } from '../../src/tree/trees.ts';
import { servedAndDrawing } from '../reconcile/fakes.ts';
import { entry } from '../support/catalog.ts';

const key = (at: number) => `/services/web/i${String(at).padStart(4, '0')}`;
const overwritten = (at: number, value: string): Entry => ({ ...entry(key(at), value, 1), modified: 9n });

/** Trees that have read these, and a source that knows of each key what `earlier` says. */
function setUp(entries: readonly Entry[], earlier: (of: Entry) => Entry | undefined) {
  const { served } = servedAndDrawing(() => {});
  const trees = new Trees({ served, emit: () => {} });
  trees.take({ kind: 'snapshot', entries, revision: 1n });
  const ask = vi.fn(async (of: readonly Entry[]) => {
    return new Map(of.flatMap((one) => [earlier(one) ?? []].flat()).map((one) => [one.key, one]));
  });
  const source: Source = { name: 'fake', read: async () => [], watch: async function* () {}, earlier: ask };
  const asked = new WeakSet<Entry>();
  const { signal } = new AbortController();
  return { served, ask, take: () => takeEarlierValues({ trees }, { source, asked, signal }) };
}

describe('takeEarlierValues()', () => {
  test('goes back over what is refused to the last good value, and asks once', async () => {
    const history = new Map([
      ['worst', { ...overwritten(1, 'worse'), modified: 8n }],
      ['worse', { ...overwritten(1, '10.0.0.1:80'), modified: 1n }],
    ]);
    const { served, ask, take } = setUp([overwritten(1, 'worst')], ({ value }) => history.get(value));
    await take();
    expect(served.kept).toMatchObject([{ key: key(1), form: '10.0.0.1:80' }]);
    expect(served.catalog.service('web')?.instances).toMatchObject([{ address: '10.0.0.1:80' }]);
    expect(ask).toHaveBeenCalledTimes(2);
    await take();
    expect(ask).toHaveBeenCalledTimes(2);
  });

  test('asks for nothing that was never another value, and for no more than a thousand keys at a time', async () => {
    const many = Array.from({ length: 1_200 }, (_, at) => overwritten(at, 'foo bar'));
    const { served, ask, take } = setUp([entry(key(5_000), 'foo bar', 3), ...many], () => undefined);
    await take();
    expect(ask.mock.calls.map(([of]) => of.length)).toEqual([1_000]);
    await take();
    expect(ask.mock.calls.map(([of]) => of.length)).toEqual([1_000, 200]);
    expect(served.kept).toEqual([]);
  });
});
