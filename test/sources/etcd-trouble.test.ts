import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { SourceError, UsageError } from '../../src/errors.ts';
import type { EtcdSourceOptions } from '../../src/sources/etcd-options.ts';
import { etcdSource } from '../../src/sources/etcd-source.ts';
import { makeAuthority, makeCertificates } from '../support/certificates.ts';
import { startEtcd as start } from '../support/etcd.ts';
import { etcdVersions } from '../support/etcd-versions.ts';
import { startRelay } from '../support/relay.ts';
import { SourceRecorder } from '../support/source-recorder.ts';

const AUTH = {
  rootPassword: 'root-secret',
  username: 'reader',
  password: 's3cr3t-word',
  prefixes: ['/services/'],
};

async function failure(options: Partial<EtcdSourceOptions> & Pick<EtcdSourceOptions, 'endpoints'>) {
  const began = performance.now();
  try {
    await etcdSource({ prefixes: ['/services'], index: 0, ...options }).read(AbortSignal.timeout(20_000));
  } catch (error) {
    expect(error).toBeInstanceOf(SourceError);
    expect(performance.now() - began).toBeLessThan(5_000);
    const { message, hint } = error as SourceError;
    expect(`${message} ${hint}`).not.toContain(AUTH.password);
    return `${message} | ${hint}`;
  }
  throw new Error('it did not fail');
}

async function folder() {
  const path = await mkdtemp(join(tmpdir(), 'pointsman-test-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

describe.each(etcdVersions)('etcd $name', ({ path: binary }) => {
  const startEtcd = (options: Parameters<typeof start>[0] = {}) => start({ binary, ...options });

  test('each endpoint is named with what was found there', async () => {
    await using etcd = await startEtcd();
    const silent = createServer((socket) => socket.on('error', () => undefined)).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const address = silent.address() as { port: number };
    const endpoints = [
      'http://127.0.0.1:1',
      `http://127.0.0.1:${address.port}`,
      // Too long for a name: that is known without a name server, which may be slow, or none.
      `http://${'x'.repeat(64)}.invalid:2379`,
    ];
    const found = await failure({ endpoints });
    expect(found).toContain('reading etcd: http://127.0.0.1:1: connection refused; ');
    expect(found).toContain(`:${address.port}: no answer within 2 s; `);
    expect(found).toContain('the host name cannot be resolved');
    expect(found).toContain('is etcd running there');
    silent.close();
    const source = etcdSource({
      endpoints: [...endpoints, etcd.endpoint],
      prefixes: ['/services'],
      index: 0,
    });
    expect(await source.read(AbortSignal.timeout(20_000))).toEqual([]);
  });

  test('a prefix without a leading slash is bad usage', () => {
    expect(() => etcdSource({ endpoints: ['http://127.0.0.1:1'], prefixes: ['services'], index: 0 })).toThrow(
      UsageError,
    );
  });

  test('a user reads what is granted, and is told what is not', async () => {
    await using dir = await folder();
    await using etcd = await startEtcd({ auth: AUTH });
    await etcd.put('/services/web/a', '1');
    const endpoints = [etcd.endpoint];
    const passwordFile = join(dir.path, 'password');
    await writeFile(passwordFile, `${AUTH.password}\n`);
    const options = { endpoints, username: 'reader', passwordFile, prefixes: ['/services'], index: 0 };
    await using seen = new SourceRecorder(etcdSource(options));
    await seen.until(() => seen.states.includes('live'));
    await etcd.put('/services/web/b', '2');
    await seen.until(() => seen.tree.size === 2);

    expect(await failure({ endpoints })).toContain('etcd asks for a user name and password | set username');
    const wrong = { endpoints, username: 'reader', password: 'wrong' };
    expect(await failure(wrong)).toContain('the user name or the password is wrong | check username');
    const refused = await failure({ ...options, prefixes: ['/services', '/routes'] });
    expect(refused).toContain(
      'permission denied for /routes to the user "reader" (role "tester") | etcdctl role grant-permission tester read',
    );
    await rm(passwordFile);
    expect(await failure(options)).toContain('reading passwordFile of the etcd source: ENOENT');
  });

  test('a permission that is taken away is told with prefix and user, whichever question is refused first', async () => {
    await using etcd = await startEtcd({ auth: AUTH, args: ['--bcrypt-cost=4'] });
    await using relay = await startRelay(etcd.port);
    await etcd.put('/services/web/a', '1');
    const { username, password } = AUTH;
    const endpoints = [`http://127.0.0.1:${relay.port}`];
    const source = etcdSource({ endpoints, username, password, prefixes: ['/services'], index: 0 });
    await using seen = new SourceRecorder(source);
    await seen.until(() => seen.states.includes('live'));
    const range = etcd.client.range({ prefix: '/services/' });
    const grant = { permission: 'Readwrite', range } as const;
    const told = () =>
      seen.events.flatMap((event) => (event.kind === 'state' && event.error ? [event.error.message] : []));
    const wanted = `${endpoints}: permission denied for /services to the user "reader"`;
    for (let n = 1; n <= 3; n++) {
      await etcd.client.role('tester').revoke(grant);
      relay.cut();
      await seen.until(() => told().filter((message) => message.includes(wanted)).length === n, wanted);
      await etcd.client.role('tester').grant(grant);
      await seen.until(() => seen.states.at(-1) === 'live');
    }
    const others = told().filter((message) => !message.includes(wanted));
    expect(others.filter((message) => /denied/i.test(message))).toEqual([]);
  });

  test('a stream comes back after a restart and after a change of the users', async () => {
    await using etcd = await startEtcd({ auth: AUTH });
    const { username, password } = AUTH;
    const options = { endpoints: [etcd.endpoint], username, password, prefixes: ['/services'], index: 0 };
    await using seen = new SourceRecorder(etcdSource(options));
    await seen.until(() => seen.states.includes('live'));
    await etcd.client.user('another').create('x');
    await etcd.kill();
    await seen.until(() => seen.states.at(-1) === 'stale');
    await etcd.restart();
    await etcd.put('/services/web/a', '1');
    await seen.until(() => seen.tree.size === 1 && seen.states.at(-1) === 'live');
  });

  test('a user name is no mistake where etcd does not ask for one', async () => {
    await using etcd = await startEtcd();
    const options = {
      endpoints: [etcd.endpoint],
      username: 'x',
      password: 'y',
      prefixes: ['/services'],
      index: 0,
    };
    expect(await etcdSource(options).read(AbortSignal.timeout(20_000))).toEqual([]);
  });

  test('TLS with a client certificate, and every way to get it wrong', async () => {
    const warnings: string[] = [];
    const onWarning = (warning: Error) => warnings.push(warning.message);
    process.on('warning', onWarning);
    await using dir = await folder();
    const certificates = await makeCertificates(dir.path);
    const stranger = await makeAuthority(dir.path, 'stranger');
    await using etcd = await startEtcd({ tls: certificates });
    await etcd.put('/services/web/a', '1');
    const endpoints = [etcd.endpoint];
    const tls = { ca: certificates.ca, cert: certificates.clientCert, key: certificates.clientKey };
    await using seen = new SourceRecorder(etcdSource({ endpoints, tls, prefixes: ['/services'], index: 0 }));
    await seen.until(() => seen.tree.size === 1);
    await etcd.put('/services/web/b', '2');
    await seen.until(() => seen.tree.size === 2);

    const untrusted = 'its certificate is signed by a CA that is not trusted here | set tls.ca';
    expect(await failure({ endpoints })).toContain(untrusted);
    expect(await failure({ endpoints, tls: { ...tls, ca: stranger } })).toContain(untrusted);
    expect(await failure({ endpoints, tls: { ca: tls.ca } })).toMatch(/client certificate/);
    expect(await failure({ endpoints: [etcd.endpoint.replace('https', 'http')] })).toContain(
      'write https://',
    );
    expect(await failure({ endpoints, tls: { ...tls, cert: join(dir.path, 'none.pem') } })).toContain(
      'reading tls.cert of the etcd source: ENOENT',
    );
    await using plain = await startEtcd();
    expect(await failure({ endpoints: [plain.endpoint.replace('http', 'https')], tls })).toContain(
      'write http://',
    );
    const other = await failure({ endpoints: [etcd.endpoint.replace('127.0.0.1', '127.0.0.2')], tls });
    expect(other).toMatch(/connection refused|not made out for this name/);
    process.off('warning', onWarning);
    // Node warns of an address as the name of a TLS server, and later refuses it.
    expect(warnings).toEqual([]);
  });

  test('a certificate must be made out for the very address that the endpoint names', async () => {
    await using dir = await folder();
    const certificates = await makeCertificates(dir.path);
    await using etcd = await startEtcd({ tls: certificates });
    const way = createServer((socket) => {
      const onward = connect(etcd.port, '127.0.0.1');
      for (const end of [socket, onward]) {
        end.on('error', () => undefined);
      }
      socket.pipe(onward).pipe(socket);
    }).listen(0, '127.0.0.2');
    await once(way, 'listening');
    const tls = { ca: certificates.ca, cert: certificates.clientCert, key: certificates.clientKey };
    const { port } = way.address() as { port: number };
    const found = await failure({ endpoints: [`https://127.0.0.2:${port}`], tls });
    expect(found).toContain('its certificate is not made out for this name or address');
    way.close();
  });

  test('after an abort nothing keeps the process', async () => {
    await using etcd = await startEtcd();
    const script = `
    const { etcdSource } = await import(${JSON.stringify(join(import.meta.dirname, '../../src/sources/etcd-source.ts'))});
    const stop = new AbortController();
    const endpoints = [process.argv[1]];
    for await (const event of etcdSource({ endpoints, prefixes: ['/services'], index: 0 }).watch(stop.signal)) {
      if (event.kind === 'state') stop.abort();
    }
    process.on('exit', () => console.log(performance.now()));
    console.log(performance.now());
  `;
    for (const endpoint of [etcd.endpoint, 'http://127.0.0.1:1']) {
      const { stdout } = await execa(process.execPath, ['--input-type=module', '-e', script, endpoint], {
        timeout: 20_000,
      });
      const [ended = 0, left = 0] = stdout.split('\n').map(Number);
      expect(left - ended).toBeLessThan(2_000);
    }
  });
});
