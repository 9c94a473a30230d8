import { execFile } from 'node:child_process';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { makeAuthority, makeCertificates } from '../support/certificates.ts';
import { startEtcd } from '../support/etcd.ts';
import { tempFolder } from '../support/haproxy.ts';
import { startRelay } from '../support/relay.ts';
import type { Drill } from './drill.ts';
import {
  follow,
  followLive,
  HEALTHY_LIMIT,
  healed,
  lastError,
  QUORUM_LIMIT,
  seed,
  WHEN_HEALTHY,
} from './etcd-rig.ts';
import { within } from './rig.ts';

const AUTH = {
  rootPassword: 'root',
  username: 'reader',
  password: 'word',
  prefixes: ['/services', '/routes'],
};
/** etcd's least, so that logins take no time here. */
const CHEAP = '--bcrypt-cost=4';
const LOGIN = { username: AUTH.username, password: AUTH.password };

/** Tokens, permissions and certificates. */
export const accessDrills: readonly Drill[] = [
  {
    name: 'etcd: a simple token expires under the stream, then the connection is cut',
    promise: WHEN_HEALTHY,
    run: () => expired(['--auth-token-ttl=1']),
  },
  {
    name: 'etcd: a JWT expires under the stream, the users change, then the connection is cut',
    promise: WHEN_HEALTHY,
    async run() {
      await using folder = await tempFolder();
      const [key, pub] = [join(folder.path, 'jwt.pem'), join(folder.path, 'jwt-pub.pem')];
      const openssl = promisify(execFile);
      await openssl('openssl', ['genrsa', '-out', key, '2048']);
      await openssl('openssl', ['rsa', '-in', key, '-pubout', '-out', pub]);
      return await expired([`--auth-token=jwt,pub-key=${pub},priv-key=${key},sign-method=RS256,ttl=2s`]);
    },
  },
  {
    name: 'etcd: the permission taken away and given back',
    promise: `said which; ${WHEN_HEALTHY}`,
    async run(form) {
      await using etcd = await startEtcd({ auth: AUTH, args: [CHEAP] });
      await using relay = await startRelay(etcd.port);
      await seed(etcd);
      await using following = await followLive({ endpoints: [`http://127.0.0.1:${relay.port}`], ...LOGIN });
      const { seen } = following;
      const keys = seen.tree.size;
      const grant = { permission: 'Readwrite', range: etcd.client.range({ prefix: '/services' }) } as const;
      await etcd.client.role('tester').revoke(grant);
      relay.cut();
      await seen.until(() => lastError(following).includes('permission denied for /services'));
      if (seen.states.at(-1) !== 'stale' || seen.tree.size !== keys) {
        throw new Error('not stale with all its keys');
      }
      await sleep(form === 'full' ? 15_000 : 700);
      await etcd.deletePrefix('/services/s1/');
      await etcd.client.role('tester').grant(grant);
      return await healed(following, { etcd, since: performance.now(), limit: HEALTHY_LIMIT });
    },
  },
  {
    name: 'etcd: a server certificate of an unknown CA, and the CA file put right',
    promise: `said clearly; ${WHEN_HEALTHY}`,
    async run(form) {
      await using folder = await tempFolder();
      const certificates = await makeCertificates(folder.path);
      const stranger = await makeAuthority(folder.path, 'stranger');
      const ca = join(folder.path, 'in-use.pem');
      await copyFile(stranger, ca);
      await using etcd = await startEtcd({ tls: certificates });
      await seed(etcd);
      const tls = { ca, cert: certificates.clientCert, key: certificates.clientKey };
      await using following = follow({ endpoints: [etcd.endpoint], tls });
      const { seen } = following;
      await seen.until(() => lastError(following).includes('signed by a CA that is not trusted here'));
      if (seen.states.at(-1) !== 'connecting') {
        throw new Error(`it says ${seen.states.at(-1)}`);
      }
      await sleep(form === 'full' ? 15_000 : 700);
      await copyFile(certificates.ca, ca);
      return await healed(following, { etcd, since: performance.now(), limit: HEALTHY_LIMIT });
    },
  },
];

/** A token lives for 1 or 2 s: it is long gone when the stream still brings keys, and when it has to be opened anew. */
async function expired(args: readonly string[]) {
  await using etcd = await startEtcd({ auth: AUTH, args: [...args, CHEAP] });
  await using relay = await startRelay(etcd.port);
  await seed(etcd);
  await using following = await followLive({ endpoints: [`http://127.0.0.1:${relay.port}`], ...LOGIN });
  const { seen } = following;
  await sleep(2_300);
  await etcd.put('/services/late/a', '10.0.0.9:1');
  await seen.until(() => seen.tree.has('/services/late/a'));
  await etcd.client.user('another').create('x');
  relay.cut();
  const since = performance.now();
  await seen.until(() => seen.states.at(-1) === 'stale');
  await seen.until(() => seen.states.at(-1) === 'live');
  const ms = performance.now() - since;
  // Whoever writes the mark has to log in anew too, which is not what is measured.
  await healed(following, { etcd, since, limit: QUORUM_LIMIT });
  return { ms: within(ms, HEALTHY_LIMIT, 'the mark') };
}
