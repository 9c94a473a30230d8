import { expect, test } from 'vitest';
import { srvMembers } from '../../src/sources/etcd-srv.ts';
import { startDns } from '../support/dns.ts';

test('the names in a record are asked of the same name servers, but for TLS, where the certificate has the name', async () => {
  await using dns = await startDns({
    '_etcd-client._tcp.example.test': [{ target: 'one.example.test', port: 2379 }],
    '_etcd-client-ssl._tcp.example.test': [{ target: 'one.example.test', port: 2381 }],
  });
  dns.addresses = { 'one.example.test': '10.0.0.7' };
  const members = srvMembers({ srv: 'example.test', nameservers: [dns.address] });
  await members.refresh(AbortSignal.timeout(20_000));
  expect(members.endpoints).toEqual(['https://one.example.test:2381', 'http://10.0.0.7:2379']);
});
