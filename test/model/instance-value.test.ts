import { describe, expect, test } from 'vitest';
import { parseInstance, partOfInstance } from '../../src/model/instance-value.ts';

const good = (value: string) => {
  const result = parseInstance('/services/web/a', 'a', value);
  if (result.kind === 'bad') {
    throw new Error(result.reason);
  }
  return result.value;
};
const bad = (value: string) => {
  const result = parseInstance('/services/web/a', 'a', value);
  return result.kind === 'bad' ? result.reason : `accepted as ${JSON.stringify(result.value)}`;
};

describe('parseInstance()', () => {
  test.each([
    ['10.0.0.1:80', 'ipv4', '10.0.0.1:80'],
    ['[::1]:8080', 'ipv6', '[::1]:8080'],
    ['[2001:DB8:0:0:0:0:0:1]:1', 'ipv6', '[2001:db8::1]:1'],
    ['Web-1.internal.:65535', 'name', 'web-1.internal:65535'],
    ['localhost:80', 'name', 'localhost:80'],
    ['{"host":"::1","port":80}', 'ipv6', '[::1]:80'],
    ['{"host":"[::1]","port":"80"}', 'ipv6', '[::1]:80'],
    [' {\n "host": "10.0.0.1",\r\n "port": 80 }\n', 'ipv4', '10.0.0.1:80'],
  ])('takes %j', (value, family, address) => {
    expect(good(value)).toMatchObject({ family, address });
  });

  test('reads every field of a JSON value; unknown ones go to meta, and meta wins', () => {
    const value = good(
      '{"host":"10.0.0.1","port":80,"weight":7,"maxconn":9,"backup":true,"tags":["a","b"],"zone":"x","az":1,"meta":{"zone":"y"}}',
    );
    expect(value).toEqual({
      id: 'a',
      key: '/services/web/a',
      host: '10.0.0.1',
      family: 'ipv4',
      port: 80,
      address: '10.0.0.1:80',
      weight: 7,
      maxconn: 9,
      backup: true,
      drain: false,
      tags: ['a', 'b'],
      meta: { zone: 'y', az: 1 },
    });
  });

  test('gives a draining instance the weight 0', () => {
    expect(good('{"host":"10.0.0.1","port":80,"weight":7,"drain":true}')).toMatchObject({
      weight: 0,
      drain: true,
    });
  });

  test.each([
    ['10.0.0.1', 'the port is missing'],
    ['10.0.0.1:0', '1 to 65535'],
    ['10.0.0.1:65536', '1 to 65535'],
    ['10.0.0.1:80 ', 'expected host:port'],
    ['10.0.0.1:80\n', 'control character'],
    ['10.0.0.1:80\nserver x', 'control character'],
    ['10.0.0.256:80', 'IP address or a host name'],
    ['010.0.0.1:80', 'IP address or a host name'],
    ['0.0.0.0:80', 'no address to connect to'],
    ['[::]:80', 'no address to connect to'],
    ['::1:80', 'in brackets'],
    ['[::zz]:80', 'not an IPv6 address'],
    ['[fe80::1%eth0]:80', 'not an IPv6 address'],
    ['http://10.0.0.1:80', 'without a scheme'],
    ['a b:80', 'IP address or a host name'],
    ['we#b:80', 'IP address or a host name'],
    ['"x":80', 'JSON does not parse'],
    [':80', 'IP address or a host name'],
    ['-web:80', 'IP address or a host name'],
    [`${'a'.repeat(64)}:80`, 'IP address or a host name'],
    ['{"host":"10.0.0.1"}', 'port must be a whole number from 1 to 65535'],
    ['{"port":80}', 'host must be'],
    ['{"host":"a\\nb","port":80}', 'host must be'],
    ['{"host":"10.0.0.1","port":80,"weight":257}', 'weight must be a whole number from 0 to 256, found 257'],
    ['{"host":"10.0.0.1","port":80,"backup":"yes"}', 'backup must be true or false'],
    ['{"host":', 'the JSON does not parse'],
  ])('refuses %j and says why', (value, reason) => {
    expect(bad(value)).toContain(reason);
  });

  test.each([
    ['"maxconn":1.5', { field: 'maxconn', reason: expect.stringContaining('maxconn must be') }],
    ['"tags":["blue","a b"]', { field: 'tags', reason: expect.stringContaining('a tag must be') }],
    ['"tags":{}', { field: 'tags', reason: 'tags must be a list, found an object' }],
    ['"meta":[]', { field: 'meta', reason: 'meta must be an object, found a list' }],
  ])('leaves %s out, and keeps everything else', (field, dropped) => {
    const value = `{"host":"10.0.0.1","port":80,"weight":7,"zone":"x",${field}}`;
    expect(parseInstance('/services/web/a', 'a', value)).toMatchObject({
      kind: 'good',
      value: { address: '10.0.0.1:80', weight: 7, maxconn: null, tags: [], meta: { zone: 'x' } },
      unknown: ['zone'],
      dropped: [dropped],
    });
  });
});

describe('partOfInstance()', () => {
  const AT = '"host":"10.0.0.1","port":80';
  const address = expect.objectContaining({ address: '10.0.0.1:80' });

  test.each([
    [`{${AT},"weight":257}`, { address, drain: false }],
    [`{${AT},"weight":257,"drain":true}`, { address, drain: true }],
    [`{${AT},"drain":"soon"}`, { address }],
    [`{"host":"10.0.0.1","port":0,"drain":true}`, { drain: true }],
    ['{"port":80}', {}],
    ['{"drain":null}', {}],
    ['{', {}],
    ['["10.0.0.1:80"]', {}],
    ['10.0.0.1', {}],
    ['', {}],
  ])('gives of %s what fits all the same', (value, part) => {
    expect(partOfInstance(value)).toEqual(part);
  });
});
