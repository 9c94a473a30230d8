import { expect, test } from 'vitest';
import type { ServerHealth } from '../../src/ports/server-health.ts';
import { type ServicesFacts, type ServicesJson, servicesView } from '../../src/status/services-view.ts';
import { atOnce } from '../../src/system/in-pieces.ts';
import { catalogOf } from '../support/catalog.ts';

const UP: ServerHealth = {
  backend: 'be_web',
  server: 'a',
  address: '10.0.0.1:80',
  weight: 1,
  status: 'UP',
  word: 'UP',
  why: null,
  seconds: 12,
  drainedBy: null,
  sessions: 3,
  rate: 2,
  errors5xx: 0,
};

const KEYS = {
  '/services/web/a': '10.0.0.1:80',
  '/services/web/b': '{"host":"10.0.0.2","port":80,"drain":true}',
  '/services/web/c': '[2001:db8::1]:80',
  '/services/web/bad': 'foo bar',
  '/services/shop/only': 'nonsense',
};

function facts(more: Partial<ServicesFacts> = {}): ServicesFacts {
  const catalog = catalogOf(KEYS);
  return {
    services: catalog.services,
    rejected: catalog.rejected,
    held: new Map(),
    kept: [],
    setAside: [],
    instanceOf: (key) => {
      const [, , service = '', id = ''] = key.split('/');
      return { service, id };
    },
    seen: { kind: 'unseen', why: 'nobody listens' },
    ...more,
  };
}

function viewOf(given: ServicesFacts): ServicesJson {
  return atOnce(servicesView(given));
}

function seen(...servers: readonly ServerHealth[]): ServicesFacts['seen'] {
  return { kind: 'seen', at: 0, pid: 7, version: '3.4.1', mark: 'abc', servers };
}

test('each instance says its state: registered, held, kept, rejected or set aside, and why', () => {
  const view = viewOf(
    facts({
      held: new Map([
        [
          '/services/web/a',
          { key: '/services/web/a', service: 'web', rule: 'emptied', since: 0, until: 1000 },
        ],
      ]),
      kept: [{ key: '/services/web/c', by: 'grammar', reason: 'it is wrong', since: 0, form: '' }],
      setAside: [{ key: '/services/web/z', reason: 'HAProxy refuses it', since: 0 }],
    }),
  );
  const [shop, web] = view.services;
  expect(web?.instances.map(({ id, state, why, until }) => [id, state, why, until])).toEqual([
    ['a', 'held', 'emptied', '1970-01-01T00:00:01.000Z'],
    ['b', 'registered', null, null],
    ['bad', 'rejected', expect.stringContaining('expected host:port'), null],
    ['c', 'kept', 'it is wrong', null],
    ['z', 'set aside', 'HAProxy refuses it', null],
  ]);
  expect(web?.counts).toMatchObject({
    instances: 3,
    held: 1,
    registered: 1,
    kept: 1,
    rejected: 1,
    setAside: 1,
  });
  expect(shop).toMatchObject({ name: 'shop', mode: null, counts: { instances: 0, rejected: 1 } });
  expect(view.counts).toMatchObject({ services: 2, instances: 3, rejected: 2, running: 0, notRunning: 0 });
  expect(web?.instances.every(({ running, status }) => running === null && status === null)).toBe(true);
  expect(view.haproxy).toEqual({ seen: false, why: 'nobody listens' });
});

test("each instance says whether HAProxy has it and how it is, and who took it out; what is no service's is beside", () => {
  const down = { ...UP, server: 'c', address: '[2001:db8::1]:80', status: 'DOWN', why: 'refused' } as const;
  const drain = { ...UP, server: 'b', address: '10.0.0.2:80', status: 'DRAIN', drainedBy: 'hand' } as const;
  const other = { ...UP, server: 'x', address: '10.0.0.9:80' };
  const view = viewOf(facts({ seen: seen(UP, down, drain, other) }));
  const web = view.services.find(({ name }) => name === 'web');
  expect(
    web?.instances.map(({ id, running, status, servers }) => [id, running, status, servers[0]?.drainedBy]),
  ).toEqual([
    ['a', true, 'UP', null],
    ['b', true, 'DRAIN', 'registration'],
    ['bad', null, null, undefined],
    ['c', true, 'DOWN', null],
  ]);
  expect(web?.counts).toMatchObject({ running: 3, notRunning: 0, up: 1, down: 1, drain: 1 });
  expect(view.others).toEqual([other]);
  expect(view.haproxy).toMatchObject({ seen: true, pid: 7, mark: 'abc' });
});

test('where several servers have one address, the one of the name counts, and of these the one of the service; else the worst', () => {
  const shared = { ...UP, server: 'shared', status: 'DOWN' } as const;
  const elsewhere = { ...UP, backend: 'be_shop' };
  const [service] = viewOf(facts({ seen: seen(shared, elsewhere, UP) })).services.slice(-1);
  expect(service?.instances[0]).toMatchObject({ id: 'a', status: 'UP', servers: [UP] });
  const twice = { ...shared, backend: 'be_b' };
  const both = viewOf(facts({ seen: seen(shared, { ...twice, status: 'MAINT' }) })).services.at(-1);
  expect(both?.instances[0]).toMatchObject({ status: 'DOWN', running: true });
  expect(both?.instances[1]).toMatchObject({ status: null, running: false });
});
