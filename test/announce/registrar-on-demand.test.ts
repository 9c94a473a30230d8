import { expect, test } from 'vitest';
import type { Registrar } from '../../src/announce/registrar.ts';
import { registrarOnDemand } from '../../src/announce/registrar-on-demand.ts';

test('nothing is opened, and no lease renewed, before something is wanted', async () => {
  const calls: string[] = [];
  const registrar: Registrar = {
    want: async (all) => void calls.push(`want ${all.length}`),
    state: { registered: ['/a'], lease: '7', awaySince: null, held: new Map(), refused: new Map() },
    close: async ({ leave }) => void calls.push(`close ${leave}`),
  };
  const open = () => {
    calls.push('open');
    return registrar;
  };
  const unused = registrarOnDemand(open);
  expect(unused.state).toEqual({
    registered: [],
    lease: null,
    awaySince: null,
    held: new Map(),
    refused: new Map(),
  });
  await unused.close({ leave: false });
  expect(calls).toEqual([]);
  const used = registrarOnDemand(open);
  await used.want([]);
  await used.want([]);
  expect(used.state.lease).toBe('7');
  await used.close({ leave: true });
  expect(calls).toEqual(['open', 'want 0', 'want 0', 'close true']);
});
