import { expect, test } from 'vitest';
import { whatChanged } from '../../src/model/what-changed.ts';
import { catalogOf } from '../support/catalog.ts';

const services = (keys: Readonly<Record<string, string>>) => catalogOf(keys).services;
const changed = (before: Readonly<Record<string, string>>, after: Readonly<Record<string, string>>) =>
  whatChanged(services(before), services(after));

const SHOP = { '/services/shop/s1': '10.0.0.1:80', '/services/shop/s2': '{"host":"10.0.0.2","port":80}' };

test('a change of instances is told by who came, went and moved', () => {
  const after = {
    '/services/shop/s2': '{"host":"10.0.0.2","port":80,"weight":7}',
    '/services/shop/s5': '10.0.0.5:80',
  };
  expect(changed(SHOP, after)).toEqual(['shop: +s5, -s1, s2 weight default -> 7']);
});

test.each([
  ['{"host":"10.0.0.3","port":80}', 's2 address 10.0.0.2:80 -> 10.0.0.3:80'],
  ['{"host":"10.0.0.2","port":80,"drain":true}', 's2 drains'],
  ['{"host":"10.0.0.2","port":80,"maxconn":9}', 's2 maxconn default -> 9'],
  ['{"host":"10.0.0.2","port":80,"backup":true}', 's2 is a backup'],
  ['{"host":"10.0.0.2","port":80,"tags":["a"]}', 's2 tags'],
  ['{"host":"10.0.0.2","port":80,"meta":{"version":"2"}}', 's2 meta'],
  [
    '{"host":"10.0.0.2","port":81,"drain":true,"tags":["a"]}',
    's2 address 10.0.0.2:80 -> 10.0.0.2:81 and drains and tags',
  ],
])('an instance that becomes %s is told as: %s', (value, words) => {
  expect(changed(SHOP, { ...SHOP, '/services/shop/s2': value })).toEqual([`shop: ${words}`]);
  expect(changed({ ...SHOP, '/services/shop/s2': value }, { ...SHOP, '/services/shop/s2': value })).toEqual(
    [],
  );
});

test('a route is told by its fields, apart from the instances', () => {
  const before = { ...SHOP, '/routes/shop': '{"hosts":["a.example"],"balance":"roundrobin"}' };
  const after = {
    '/services/shop/s1': '10.0.0.1:80',
    '/routes/shop': '{"hosts":["b.example"],"balance":"leastconn","check":{"path":"/up"}}',
  };
  expect(changed(before, after)).toEqual([
    'shop: -s2',
    'route of shop: hosts +b.example -a.example, balance roundrobin -> leastconn, check',
  ]);
});

test('a service that comes is new, and one that goes is gone', () => {
  expect(changed({}, SHOP)).toEqual(['shop: new, +s1, +s2']);
  expect(changed(SHOP, {})).toEqual(['shop is gone']);
});

test('however much changes, what is told stays short', () => {
  const many = Object.fromEntries(
    Array.from({ length: 300 }, (_, at) => [
      `/services/s${at % 30}/i${at}`,
      `10.${at >> 7}.${at % 30}.${at % 128}:80`,
    ]),
  );
  const told = changed({}, many);
  expect(told).toHaveLength(21);
  expect(told[0]).toBe('s0: new, +i0, +i120, +i150, +i180, +i210, and 5 more');
  expect(told.at(-1)).toBe('and 10 more services');
});
