import { expect, test } from 'vitest';
import { serversByService } from '../../src/status/server-metrics.ts';
import type { InstanceCounts } from '../../src/status/services-view.ts';

const NONE: InstanceCounts = {
  ...{ instances: 0, registered: 0, held: 0, kept: 0, rejected: 0, setAside: 0, running: 0, notRunning: 0 },
  ...{ up: 0, down: 0, drain: 0, maint: 0, unchecked: 0 },
};

/** Services of which HAProxy has so many instances in these states. */
function services(of: Readonly<Record<string, Partial<InstanceCounts>>>) {
  const all = Object.entries(of).map(([name, some]) => {
    const { up, down, drain, maint, unchecked, notRunning } = { ...NONE, ...some };
    const running = up + down + drain + maint + unchecked;
    const counts = { ...NONE, running, instances: running + notRunning, ...some };
    const place = { mode: 'http', hosts: [], paths: [], port: null, expose: true, instances: [] } as const;
    return { name, ...place, counts };
  });
  return { services: all, counts: { ...NONE, services: all.length } };
}

test('instances are counted by how HAProxy has them, of each service and of all', () => {
  const found = serversByService(
    services({ api: { up: 2, down: 1, notRunning: 1 }, web: { drain: 1, maint: 1, unchecked: 3 } }),
    200,
  );
  const none = { up: 0, down: 0, drain: 0, maint: 0, unchecked: 0, missing: 0 };
  expect(Object.fromEntries(found.services)).toEqual({
    api: { ...none, up: 2, down: 1, missing: 1 },
    web: { ...none, drain: 1, maint: 1, unchecked: 3 },
  });
  expect(found.all).toEqual({ up: 2, down: 1, drain: 1, maint: 1, unchecked: 3, missing: 1 });
});

test('services beyond the limit are summed under a name that no service has, and no instance is lost', () => {
  const many = Object.fromEntries(Array.from({ length: 1000 }, (_, at) => [`s${at}`, { up: 1, down: 2 }]));
  const found = serversByService(services(many), 3);
  expect([...found.services.keys()]).toEqual(['s0', 's1', 's2', '*']);
  expect(found.services.get('*')).toMatchObject({ up: 997, down: 1994 });
  expect(found.all).toMatchObject({ up: 1000, down: 2000 });
  expect([...serversByService(services(many), 0).services.keys()]).toEqual(['*']);
});

test.each([
  ['none of its instances is up', { down: 2 }, 1],
  ['one is down, and the other drained', { down: 1, drain: 1 }, 1],
  ['HAProxy has none of them', { notRunning: 2 }, 1],
  ['one is up', { up: 1, down: 5 }, 0],
  ['one is not checked', { unchecked: 1, down: 5 }, 0],
  ['all were drained on purpose', { drain: 1, maint: 1 }, 0],
  ['it has none', {}, 0],
  ['HAProxy cannot be asked', { instances: 3 }, 0],
])('a service counts as down where %s', (_, counts, down) => {
  expect(serversByService(services({ web: counts }), 200).servicesDown).toBe(down);
});

test('where nobody can be asked there is no service, and every state is 0', () => {
  const found = serversByService(undefined, 200);
  expect(found.services.size).toBe(0);
  expect(new Set(Object.values(found.all))).toEqual(new Set([0]));
});
