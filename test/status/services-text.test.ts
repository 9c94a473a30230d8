import { expect, test } from 'vitest';
import type { ServerHealth } from '../../src/ports/server-health.ts';
import { servicesDiff } from '../../src/status/services-diff.ts';
import { servicesText } from '../../src/status/services-text.ts';
import {
  type DetailedServices,
  detailedServices,
  type ServicesFacts,
} from '../../src/status/services-view.ts';
import { atOnce } from '../../src/system/in-pieces.ts';
import { catalogOf } from '../support/catalog.ts';

const NOW = 600_000;

function server(name: string, address: string, more: Partial<ServerHealth> = {}): ServerHealth {
  return {
    ...{
      backend: 'be_web',
      server: name,
      address,
      weight: 1,
      status: 'UP',
      word: 'UP',
      why: null,
      seconds: 12,
    },
    ...{ drainedBy: null, sessions: 0, rate: 0, errors5xx: 0, ...more },
  };
}

function all(
  keys: Readonly<Record<string, string>>,
  { servers = [], ...more }: Partial<ServicesFacts> & { readonly servers?: readonly ServerHealth[] } = {},
): DetailedServices {
  const catalog = catalogOf(keys);
  const facts: ServicesFacts = {
    services: catalog.services,
    rejected: catalog.rejected,
    held: new Map(),
    kept: [],
    setAside: [],
    instanceOf: (key) => ({ service: key.split('/')[2] ?? '', id: key.split('/')[3] ?? '' }),
    seen: { kind: 'seen', at: 0, pid: 7, version: '3.4.1', mark: null, servers },
    ...more,
  };
  const byHand = {
    backend: 'be_web',
    server: 'd',
    address: '10.0.0.4:80',
    admin: 'drain',
    weight: null,
    since: 0,
  } as const;
  return atOnce(detailedServices(facts, { from: 'daemon', remarks: [], ignored: 0, setByHand: [byHand] }));
}

const KEYS = {
  '/services/web/a': '10.0.0.1:80',
  '/services/web/b': '10.0.0.2:80',
  '/services/web/c': '10.0.0.3:80',
  '/services/web/d': '10.0.0.4:80',
  '/services/web/e': '{"host":"10.0.0.5","port":80,"drain":true}',
  '/services/web/f': '10.0.0.6:80',
  '/services/web/bad': 'foo bar',
};

test('an instance has its state, then how HAProxy has it, each with why', () => {
  const hold = { key: '/services/web/b', service: 'web', rule: 'service', since: 0, until: NOW } as const;
  const text = servicesText(
    all(KEYS, {
      held: new Map([['/services/web/b', hold]]),
      kept: [{ key: '/services/web/c', by: 'grammar', reason: 'it is wrong', since: 0, form: '10.0.0.3:80' }],
      setAside: [{ key: '/services/web/z', reason: 'no such keyword\nin line 7', since: 0 }],
      servers: [
        server('a', '10.0.0.1:80', { sessions: 3, rate: 12, errors5xx: 2 }),
        server('b', '10.0.0.2:80', {
          status: 'DOWN',
          word: 'DOWN 1/2',
          why: 'Layer4 timeout',
          seconds: 7200,
        }),
        server('c', '10.0.0.3:80', { word: 'UP 1/3', why: 'Layer7 wrong status (503)' }),
        server('d', '10.0.0.4:80', { status: 'DRAIN', drainedBy: 'hand' }),
        server('e', '10.0.0.5:80', { status: 'DRAIN', drainedBy: 'hand', sessions: 1 }),
        server('old', '10.0.0.9:80', { status: 'MAINT', drainedBy: 'hand' }),
      ],
    }),
    NOW,
  );
  expect(text).toMatchInlineSnapshot(`
    "web  http  hosts web  (2 UP, 1 DOWN, 2 DRAIN, 1 not in HAProxy)
      a  10.0.0.1:80  UP, 3 sessions, 12/s, 2 x 5xx
      b  10.0.0.2:80  held (service) until 00:10:00Z  DOWN 1/2 for 2 h: Layer4 timeout
      c  10.0.0.3:80  kept  UP 1/3: Layer7 wrong status (503)
      d  10.0.0.4:80  DRAIN by hand for 10 min
      e  10.0.0.5:80  drain  DRAIN by its key, 1 session
      f  10.0.0.6:80  not in HAProxy

    kept in their last good form
      /services/web/c  "10.0.0.3:80"
        it is wrong

    set aside
      /services/web/z
        no such keyword
        in line 7

    rejected
      /services/web/bad  "foo bar"
        expected host:port, [IPv6]:port or a JSON object; the port is missing; found "foo bar"

    in HAProxy, and no service's
      be_web/old  10.0.0.9:80  MAINT"
  `);
});

test('the differences have a line for each key, with the reason', () => {
  const fresh = all({
    '/services/web/a': '10.0.0.1:80',
    '/services/web/b': '{"host":"10.0.0.2","port":80,"weight":7}',
    '/services/web/new': '10.0.0.8:80',
    '/services/web/bad': '10.0.0.7:80',
  });
  const hold = { key: '/services/web/c', service: 'web', rule: 'emptied', since: 0, until: null } as const;
  const daemon = all(
    { ...KEYS, '/services/web/d': '', '/services/web/e': '', '/services/web/f': '' },
    {
      held: new Map([['/services/web/c', hold]]),
      servers: [server('b', '10.0.0.2:80'), server('c', '10.0.0.3:80')],
    },
  );
  expect(servicesDiff(fresh, daemon)).toMatchInlineSnapshot(`
    [
      "! /services/web/a  10.0.0.1:80: it is served, and not in HAProxy",
      "~ /services/web/b  weight none -> 7: the daemon does not have it yet",
      "+ /services/web/bad  10.0.0.7:80: the daemon has it rejected: expected host:port, [IPv6]:port or a JSON object; the port is missing; found "foo bar"",
      "- /services/web/c  10.0.0.3:80: it is not registered; held (emptied) until it is back",
      "+ /services/web/new  10.0.0.8:80: the daemon does not know it yet",
    ]
  `);
  expect(servicesDiff(all({ '/services/web/a': '10.0.0.1:80' }), null)).toEqual([
    '! /services/web/a  10.0.0.1:80: it is served, and not in HAProxy',
  ]);
});
