import { describe, expect, test } from 'vitest';
import { meantBy } from '../../src/model/remarks.ts';
import { catalogOf, entry } from '../support/catalog.ts';

const JSON_A = { host: '10.0.0.1', port: 80 };
const messages = (tree: Record<string, string | object>) =>
  catalogOf(tree).remarks.map(({ message }) => message);

describe('remarks of the catalog', () => {
  test('count unknown fields by service and field, and say which known one is near', () => {
    const remarks = messages({
      '/services/web/a': { ...JSON_A, wieght: 5, zone: 'x' },
      '/services/web/b': { ...JSON_A, port: 81, wieght: 5 },
      '/services/api/a': { ...JSON_A, port: 82, wieght: 5, Addr: '10.0.0.1' },
      '/routes/web': { chek: { path: '/' }, pathz: ['/a'], meta: { chek: 1 } },
    });
    expect(remarks).toEqual([
      'instances of api: the unknown field "Addr" goes to meta (/services/api/a); did you mean "host"?',
      'instances of api: the unknown field "wieght" goes to meta (/services/api/a); did you mean "weight"?',
      'route of web: the unknown field "chek" goes to meta (/routes/web); did you mean "check"?',
      'route of web: the unknown field "pathz" goes to meta (/routes/web); did you mean "paths"?',
      'instances of web: the unknown field "wieght" goes to meta (2 keys, such as /services/web/a); did you mean "weight"?',
      'instances of web: the unknown field "zone" goes to meta (/services/web/a)',
    ]);
  });

  test('follow every change, and stay the same array while nothing of them changes', () => {
    const catalog = catalogOf({ '/services/web/a': { ...JSON_A, zone: 'x' } });
    const before = catalog.remarks;
    catalog.apply([{ kind: 'put', entry: entry('/services/web/a', { ...JSON_A, zone: 'y' }, 7) }]);
    expect(catalog.remarks).toBe(before);
    catalog.apply([
      { kind: 'put', entry: entry('/services/web/b', { ...JSON_A, port: 81, zone: 'x' }, 8) },
      { kind: 'put', entry: entry('/services/web/a', { ...JSON_A, rack: 1 }, 9) },
    ]);
    expect(catalog.remarks.map(({ field, count, key }) => [field, count, key])).toEqual([
      ['rack', 1, '/services/web/a'],
      ['zone', 1, '/services/web/b'],
    ]);
    catalog.apply([
      { kind: 'delete', key: '/services/web/a' },
      { kind: 'put', entry: entry('/services/web/b', '', 10) },
    ]);
    expect(catalog.remarks).toEqual([]);
  });

  test('tell of fields that do not fit and are left out, by service and field, with the words for one of them', () => {
    const catalog = catalogOf({
      '/services/web/a': { ...JSON_A, tags: ['a b'], maxconn: 0 },
      '/services/web/b': { ...JSON_A, port: 81, tags: ['a c'] },
    });
    expect(catalog.rejected).toEqual([]);
    expect(catalog.remarks.map(({ kind, field, count, message }) => [kind, field, count, message])).toEqual([
      [
        'dropped field',
        'maxconn',
        1,
        'instances of web: the field "maxconn" is left out (/services/web/a): maxconn must be a whole number from 1 to 2147483647, found 0',
      ],
      [
        'dropped field',
        'tags',
        2,
        'instances of web: the field "tags" is left out (2 keys, such as /services/web/a): a tag must be 1 to 128 of the characters A-Z a-z 0-9 _ . : / = @ + -, found "a b"',
      ],
    ]);
    catalog.apply([{ kind: 'put', entry: entry('/services/web/a', { ...JSON_A, tags: ['a d'] }, 7) }]);
    expect(catalog.remarks.map(({ field, message }) => [field, message.slice(-5)])).toEqual([
      ['tags', '"a c"'],
    ]);
  });

  test('say nothing of what is read out of meta', () => {
    const route = { mode: 'tcp', port: 1, proxyProtocol: true };
    expect(messages({ '/services/web/a': { ...JSON_A, shared: true }, '/routes/web': route })).toEqual([]);
  });

  test('are bounded for each service, and fit for a terminal', () => {
    const fields = Object.fromEntries(Array.from({ length: 500 }, (_, at) => [`f${at}\u202e\n`, 1]));
    const remarks = messages({ '/services/web/a': { ...JSON_A, ...fields } });
    expect(remarks).toHaveLength(20);
    expect(remarks.join()).not.toMatch(/[\n\u202e]/);
  });
});

describe("registrator's UDP keys", () => {
  const TCP = '10.0.0.1:53';

  test('are no servers and take nobody’s address; they are counted and told, not rejected', () => {
    const catalog = catalogOf({
      '/services/dns-53/h1:dns:53': TCP,
      '/services/dns-53/h1:dns:53:udp': TCP,
      '/services/dns-53/h2:dns:53:udp': '10.0.0.2:53',
    });
    expect(catalog.service('dns-53')?.instances.map(({ id }) => id)).toEqual(['h1:dns:53']);
    expect(catalog.rejected).toEqual([]);
    expect(catalog.ignored).toBe(2);
    expect(catalog.remarks).toMatchObject([
      {
        kind: 'udp',
        count: 2,
        message:
          "service dns-53: registrator's UDP ports are left out (2 keys, such as /services/dns-53/h1:dns:53:udp): HAProxy balances TCP",
      },
    ]);
    catalog.apply([{ kind: 'delete', key: '/services/dns-53/h1:dns:53' }]);
    expect(catalog.services).toEqual([]);
  });

  test('are told by the port before :udp; other ids that end so are instances', () => {
    const catalog = catalogOf({ '/services/dns/udp': '10.0.0.1:1', '/services/dns/h1:udp': '10.0.0.1:2' });
    expect(catalog.service('dns')?.instances).toHaveLength(2);
    expect(catalog.remarks).toEqual([]);
  });
});

test.each([
  [
    '{"hots":"10.0.0.1","port":80}',
    'host must be an IP address or a host name, and is missing; did you mean it by "hots"?',
  ],
  [
    '{"Host":"10.0.0.1","Port":80}',
    'host must be an IP address or a host name, and is missing; did you mean it by "Host"?',
  ],
  [
    '{"host":"10.0.0.1","prot":80}',
    'port must be a whole number from 1 to 65535, and is missing; did you mean it by "prot"?',
  ],
  [
    '{"address":"10.0.0.1"}',
    'host must be an IP address or a host name, and is missing; did you mean it by "address"?',
  ],
  ['{"port":80,"x":1}', 'host must be an IP address or a host name, and is missing'],
])('a value without host or port, %s, is rejected with what was written instead', (value, reason) => {
  expect(catalogOf({ '/services/web/a': value }).rejected).toMatchObject([{ reason }]);
});

test('meantBy() knows other registries’ words, and does not guess far', () => {
  expect(meantBy('IP', ['host', 'port'])).toBe('host');
  expect(meantBy('ip', ['mode'])).toBeUndefined();
  expect(meantBy('version', ['host', 'port', 'weight'])).toBeUndefined();
});
