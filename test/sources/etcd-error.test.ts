import { describe, expect, it, test } from 'vitest';
import { explainEtcdError } from '../../src/sources/etcd-error.ts';
import { etcdSource } from '../../src/sources/etcd-source.ts';
import { makeCertificates } from '../support/certificates.ts';
import { startEtcd } from '../support/etcd.ts';
import { startEtcdProxy } from '../support/etcd-proxy.ts';
import { etcdVersions } from '../support/etcd-versions.ts';
import { freePort, tempFolder } from '../support/haproxy.ts';

const PLAIN = { endpoints: ['http://127.0.0.1:2379'], prefixes: ['/services'], index: 0 };

function explained(text: string, hasAnswered = false): string {
  const { found, hint = '' } = explainEtcdError(new Error(text), 'http://127.0.0.1:2379', {
    ...PLAIN,
    hasAnswered,
  });
  return `${found} | ${hint}`;
}

describe('explainEtcdError()', () => {
  it.each([
    [
      '14 UNAVAILABLE: etcdserver: rpc not supported for learner',
      'it is a learner, which answers no reads | name the voting',
    ],
    [
      '14 UNAVAILABLE: etcdserver: no leader',
      'etcd has no leader at the moment | is a majority of its members up?',
    ],
    ['14 UNAVAILABLE: etcdserver: leader changed', 'etcd changes its leader | this heals by itself'],
    [
      '14 UNAVAILABLE: etcdserver: request timed out, possibly due to previous leader failure',
      'etcd changes its leader | this heals by itself',
    ],
    [
      '14 UNAVAILABLE: etcdserver: request timed out',
      'etcd got no answer of its quorum in time | is a majority',
    ],
    ['14 UNAVAILABLE: etcdserver: server stopped', 'etcd is stopping there | start it again'],
    [
      '8 RESOURCE_EXHAUSTED: etcdserver: too many requests',
      'etcd has too many requests to answer | this heals',
    ],
    [
      '8 RESOURCE_EXHAUSTED: etcdserver: mvcc: database space exceeded',
      'etcd is out of space (alarm NOSPACE) | etcdctl compact',
    ],
    ['15 DATA_LOSS: etcdserver: corrupt cluster', 'etcd has found its data corrupt | "etcdctl alarm list"'],
    ['3 INVALID_ARGUMENT: etcdserver: something\nnew', 'etcd says "something\\nnew" | '],
    [
      '14 UNAVAILABLE: Received HTTP status code 502',
      'something that is no etcd v3 answers there | is this the client port',
    ],
    [
      '12 UNIMPLEMENTED: unknown service etcdserverpb.KV',
      'something that is no etcd v3 answers there | is this',
    ],
    ['2 UNKNOWN: context deadline exceeded', 'it gets no answer of an etcd behind it | is the etcd up'],
    [
      '14 UNAVAILABLE: Connection dropped',
      'it closed the connection | if etcd serves TLS on this port, write https://',
    ],
    ['14 UNAVAILABLE: new words\u202e\nforged', '14 UNAVAILABLE: new words\\u202e\\nforged | '],
  ])('gives for %j a cure that fits', (text, expected) => {
    expect(explained(text).startsWith(expected), explained(text)).toBe(true);
    if (!text.includes('dropped')) {
      expect(explained(text)).not.toContain('https');
    }
  });

  it('names TLS only for an endpoint that has never answered', () => {
    expect(explained('14 UNAVAILABLE: Connection dropped', true)).toBe(
      'it closed the connection | was etcd stopped there, or does something in between cut connections?',
    );
  });
});

async function failure(
  options: Partial<Parameters<typeof etcdSource>[0]> & { readonly endpoints: readonly string[] },
) {
  const source = etcdSource({ ...PLAIN, ...options });
  const error = await source.read(AbortSignal.timeout(20_000)).catch((one: unknown) => one);
  const { message, hint } = error as { message: string; hint: string };
  return `${message} | ${hint}`;
}

describe.each(etcdVersions)('etcd $name', ({ path: binary }) => {
  test('a learner says that it is one', async () => {
    const [peer, other] = [`http://127.0.0.1:${await freePort()}`, `http://127.0.0.1:${await freePort()}`];
    const member = { name: 'm0', peerUrl: peer, cluster: `m0=${peer}` };
    await using etcd = await startEtcd({ binary, member });
    const body = JSON.stringify({ peerURLs: [other], isLearner: true });
    const added = await fetch(`${etcd.endpoint}/v3/cluster/member/add`, { method: 'POST', body });
    expect(added.status).toBe(200);
    await using learner = await startEtcd({
      binary,
      port: await freePort(),
      member: { name: 'm1', peerUrl: other, cluster: `m0=${peer},m1=${other}` },
      args: ['--initial-cluster-state=existing'],
    });
    expect(await failure({ endpoints: [learner.endpoint] })).toContain(
      `${learner.endpoint}: it is a learner, which answers no reads | name the voting members`,
    );
  });

  test('a proxy without an etcd behind it is no question of TLS', async () => {
    await using etcd = await startEtcd({ binary });
    await using proxy = await startEtcdProxy(binary, etcd.port);
    await etcd.kill();
    const found = await failure({ endpoints: [proxy.endpoint] });
    expect(found).toMatch(/no answer (?:within 2 s|of an etcd behind it) \|/);
    expect(found).not.toContain('https');
  });

  test('a certificate whose CN is no user is told by that name, with what makes it one', async () => {
    await using folder = await tempFolder();
    const tls = await makeCertificates(folder.path);
    const auth = { rootPassword: 'root', username: 'reader', password: 'word', prefixes: ['/services/'] };
    await using etcd = await startEtcd({ binary, tls, auth, args: ['--bcrypt-cost=4'] });
    const options = {
      endpoints: [etcd.endpoint],
      tls: { ca: tls.ca, cert: tls.clientCert, key: tls.clientKey },
    };
    const found = await failure(options);
    expect(found).toContain(
      'permission denied for /services to the user "client" | etcdctl role grant-permission ROLE read',
    );
    expect(found).toContain('etcdctl user add client --no-password && etcdctl user grant-role client ROLE');
    const user = { ...options, username: 'reader', password: 'word' };
    expect(await failure({ ...user, prefixes: ['/routes'] })).toContain(
      'permission denied for /routes to the user "reader" (role "tester") | etcdctl role grant-permission tester read --prefix /routes/ ("etcdctl user get reader"',
    );
    expect(await etcdSource({ ...PLAIN, ...user }).read(AbortSignal.timeout(20_000))).toEqual([]);
    await etcd.client.user('client').create('x');
    await etcd.client.user('client').addRole('tester');
    expect(await etcdSource({ ...PLAIN, ...options }).read(AbortSignal.timeout(20_000))).toEqual([]);
  });
});
