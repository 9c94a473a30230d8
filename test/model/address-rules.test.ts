import { describe, expect, test } from 'vitest';
import { type AddressRules, networkOf } from '../../src/model/address-rules.ts';
import type { Entry } from '../../src/model/entry.ts';
import { catalogOf, entry, OPTIONS } from '../support/catalog.ts';

const networks = (...texts: string[]) => texts.flatMap((text) => networkOf(text) ?? []);
const RULES: AddressRules = { deny: [], allow: [], names: true };

/** The address of an instance of a store, or why it was refused. */
function read(value: string, rules: Partial<AddressRules> = {}): string {
  const grammar = { ...OPTIONS.grammar, addresses: { ...RULES, ...rules }, ruled: new Set([0]) };
  const catalog = catalogOf({ '/services/web/a': value }, { grammar });
  return catalog.service('web')?.instances[0]?.address ?? `refused: ${catalog.rejected[0]?.reason}`;
}

describe('an address of a store', () => {
  test.each([
    ['169.254.169.254:80', "169.254.169.254 is the cloud's own address for metadata, which no server has"],
    ['[fd00:ec2::254]:80', "fd00:ec2::254 is the cloud's own address for metadata"],
    ['100.100.100.200:80', "the cloud's own address for metadata"],
    ['168.63.129.16:80', "the cloud's own address for metadata"],
    ['[fd20:ce::254]:80', "the cloud's own address for metadata"],
    ['169.254.0.1:80', '169.254.0.1 is a link-local address'],
    ['[fe80::1]:80', 'fe80::1 is a link-local address'],
    ['[febf:ffff::1]:80', 'a link-local address'],
    ['224.0.0.1:80', '224.0.0.1 is a multicast address'],
    ['239.255.255.255:80', 'a multicast address'],
    ['[ff02::1]:80', 'a multicast address'],
    ['255.255.255.255:80', 'a broadcast address'],
    ['0.1.2.3:80', 'an unspecified address'],
    ['0.0.0.0:80', 'no address to connect to'],
    ['[::]:80', 'no address to connect to'],
    ['[::ffff:169.254.169.254]:80', "169.254.169.254 is the cloud's own address for metadata"],
    ['[::ffff:a9fe:a9fe]:80', "169.254.169.254 is the cloud's own address for metadata"],
    ['[::ffff:0:0]:80', 'no address to connect to'],
    ['[::169.254.169.254]:80', "::a9fe:a9fe leads to the cloud's own address for metadata"],
    ['[::ffff:0:169.254.169.254]:80', 'leads to'],
    ['[64:ff9b::169.254.169.254]:80', "64:ff9b::a9fe:a9fe leads to the cloud's own address for metadata"],
    ['[64:ff9b::224.0.0.1]:80', 'leads to a multicast address'],
    ['[64:ff9b:1::a9fe:a9fe]:80', 'leads to'],
    ['[64:ff9b:1:a9fe:a9:fe00::]:80', 'leads to'],
    ['[2002:a9fe:a9fe::1]:80', 'leads to'],
    ['[2001:0:1:2:3:4:5601:5601]:80', 'leads to'],
    ['{"host":"[fe80::1]","port":80}', 'a link-local address'],
  ])('is refused where no server can have it: %s', (value, reason) => {
    expect(read(value)).toContain(reason);
    expect(read(value)).toMatch(/^refused: /);
  });

  test.each([
    '2852039166',
    '0xa9fea9fe',
    '0xA9FEA9FE',
    '0xa9.0xfe.0xa9.0xfe',
    '169.254.0xa9fe',
    '169.254.43518',
    '169.16689662',
    '0251.0376.0251.0376',
    '169.254.169.254.',
    '127.1',
    '0',
    '0x0',
    '0x',
    '1.2.3.4.5',
  ])('is refused in a form that only a resolver reads as an address: %s', (host) => {
    expect(read(`${host}:80`)).toContain('must be an IP address or a host name');
    expect(read(JSON.stringify({ host, port: 80 }))).toContain('must be an IP address or a host name');
  });

  test.each([
    ['127.0.0.1:80', '127.0.0.1:80'],
    ['[::1]:80', '[::1]:80'],
    ['10.0.0.1:80', '10.0.0.1:80'],
    ['100.100.100.201:80', '100.100.100.201:80'],
    ['[fd00::1]:80', '[fd00::1]:80'],
    ['[64:ff9b::10.0.0.1]:80', '[64:ff9b::a00:1]:80'],
    ['[2002:a00:1::1]:80', '[2002:a00:1::1]:80'],
    ['web.example.com:80', 'web.example.com:80'],
    ['0xa9fe.example.com:80', '0xa9fe.example.com:80'],
  ])('is let in where a server may have it, loopback too: %s', (value, address) => {
    expect(read(value)).toBe(address);
  });

  test('is refused by addresses.deny, and let in by addresses.allow whatever refuses it', () => {
    const deny = networks('10.0.0.0/8', '2001:db8::/32');
    expect(read('10.1.2.3:80', { deny })).toBe('refused: 10.1.2.3 is an address that addresses.deny refuses');
    expect(read('[64:ff9b::a01:203]:80', { deny })).toContain(
      'leads to an address that addresses.deny refuses',
    );
    expect(read('[2001:db8::1]:80', { deny })).toContain('addresses.deny');
    expect(read('11.0.0.1:80', { deny })).toBe('11.0.0.1:80');
    const allow = networks('10.1.0.0/16', '169.254.1.0/24');
    expect(read('10.1.2.3:80', { deny, allow })).toBe('10.1.2.3:80');
    expect(read('10.2.0.0:80', { deny, allow })).toContain('addresses.deny');
    expect(read('169.254.1.9:80', { allow })).toBe('169.254.1.9:80');
    expect(read('169.254.2.9:80', { allow })).toContain('a link-local address');
    const only = { deny: networks('0.0.0.0/0', '::/0'), allow: networks('10.0.0.0/8') };
    expect([read('10.0.0.1:80', only), read('127.0.0.1:80', only), read('[::1]:80', only)]).toEqual([
      '10.0.0.1:80',
      expect.stringContaining('refused'),
      expect.stringContaining('refused'),
    ]);
  });

  test('has to be an address and no name where addresses.names is false', () => {
    expect(read('metadata.google.internal:80', { names: false })).toBe(
      'refused: the host must be an IP address, since addresses.names is false; found "metadata.google.internal"',
    );
    expect(read('10.0.0.1:80', { names: false })).toBe('10.0.0.1:80');
  });

  test('is under no rules in a file, also where the same value moves from the one source to the other', () => {
    const grammar = { ...OPTIONS.grammar, addresses: RULES, ruled: new Set([1]) };
    const catalog = catalogOf({ '/services/web/a': '169.254.1.1:80' }, { grammar });
    expect(catalog.rejected).toEqual([]);
    const from = (source: number): Entry => ({ ...entry('/services/web/a', '169.254.1.1:80', 5), source });
    catalog.apply([{ kind: 'put', entry: from(1) }]);
    expect(catalog.rejected).toMatchObject([{ key: '/services/web/a' }]);
    catalog.apply([{ kind: 'put', entry: from(0) }]);
    expect(catalog.rejected).toEqual([]);
  });
});

test.each(['', '10.0.0.0/33', '::/129', '10.0.0/8', '256.0.0.0/8', 'x', '10.0.0.1/', '::1::/8'])(
  'networkOf() takes no %j',
  (text) => {
    expect(networkOf(text)).toBeUndefined();
  },
);
