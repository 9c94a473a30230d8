import { networkInterfaces } from 'node:os';
import { expect, test } from 'vitest';
import { hostAddress } from '../../src/announce/host-address.ts';
import { PointsmanError } from '../../src/errors.ts';

const endpoint = 'http://127.0.0.1:2379';

/** Interfaces with an address that others reach. */
const outside = Object.entries(networkInterfaces()).flatMap(([name, addresses = []]) =>
  addresses
    .filter(({ internal, address }) => !internal && !/^(?:fe80|169\.254)/.test(address))
    .map(({ address, family }) => ({ name, address, family })),
);
const loopback = Object.entries(networkInterfaces()).find(([, all]) => all?.some(({ internal }) => internal));

async function refusal(options: Parameters<typeof hostAddress>[0]): Promise<string> {
  const error: unknown = await hostAddress(options).catch((thrown: unknown) => thrown);
  if (!(error instanceof PointsmanError)) {
    throw new Error(`no refusal: ${JSON.stringify(error)}`);
  }
  return `${error.message} | ${error.hint}`;
}

test.each([
  ['10.0.0.1', { host: '10.0.0.1', family: 'ipv4' }],
  ['Node1.Example.com.', { host: 'node1.example.com', family: 'name' }],
  ['FD00:0:0::2', { host: 'fd00::2', family: 'ipv6' }],
  // A person may know that all is on one machine.
  ['127.0.0.1', { host: '127.0.0.1', family: 'ipv4' }],
])('what a person gives is taken as it is: %s', async (host, expected) => {
  expect(await hostAddress({ host, endpoint })).toEqual(expected);
});

test.each(['0.0.0.0', '::', '169.254.169.254', 'fe80::1', '10.0.0.300', 'a b', '', '10.0.0.1:8080'])(
  'what no host can be reached at is refused: "%s"',
  async (host) => {
    expect(await refusal({ host, endpoint })).toMatch(/^reading --host: /);
  },
);

test('of an interface it is the address that others reach, IPv4 first', async () => {
  for (const { name } of outside) {
    const all = outside.filter((one) => one.name === name);
    const first = all.find(({ family }) => family === 'IPv4') ?? all[0];
    expect(await hostAddress({ interface: name, endpoint })).toMatchObject({ host: first?.address });
  }
  expect(await refusal({ interface: loopback?.[0] ?? 'lo', endpoint })).toMatch(
    /^looking for the address of --interface lo: no other host reaches it at 127\.0\.0\.1/,
  );
  expect(await refusal({ interface: 'none7', endpoint })).toMatch(
    /there is none of that name with an address \| There are .*lo/,
  );
});

test('the way to an etcd of this host gives no address: loopback is refused, with what to do', async () => {
  const said = /127\.0\.0\.1 is this host alone, since etcd is reached there \| Give the address with --host/;
  expect(await refusal({ endpoint })).toMatch(said);
  expect(await refusal({ endpoint: 'http://localhost:2379' })).toMatch(/is this host alone/);
  expect(await refusal({ endpoint: 'https://[::1]:2379' })).toMatch(
    /this host alone|EADDRNOTAVAIL|ENETUNREACH/,
  );
});

test('the address is that of the way to etcd, also while nobody answers there', async () => {
  // Whoever is asked here has no etcd; the way is chosen all the same. A machine without a way says so.
  for (const { address, family } of outside) {
    const host = family === 'IPv6' ? `[${address}]` : address;
    expect(await hostAddress({ endpoint: `http://${host}:2379` })).toMatchObject({ host: address });
  }
  if (outside.length === 0) {
    expect(await refusal({ endpoint: 'http://192.0.2.1:2379' })).toMatch(/on the way to .*: .*ENETUNREACH/);
  }
});

test('an etcd whose name nobody knows is said as such', async () => {
  expect(await refusal({ endpoint: 'http://nobody.invalid:2379' })).toMatch(
    /^looking for the address of this host on the way to http:\/\/nobody\.invalid:2379: .*nobody\.invalid/,
  );
});
