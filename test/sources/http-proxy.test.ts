import { afterEach, describe, expect, test } from 'vitest';
import { etcdSource } from '../../src/sources/etcd-source.ts';
import { isExcepted } from '../../src/sources/http-proxy.ts';
import { startEtcd } from '../support/etcd.ts';
import { waitFor } from '../support/haproxy.ts';
import { type ProxyManner, startHttpProxy } from '../support/http-proxy.ts';
import { SourceRecorder } from '../support/source-recorder.ts';

afterEach(() => {
  delete process.env.http_proxy;
});

describe('etcd and the HTTP proxy of the environment', () => {
  test('it is not asked, unless the settings say so', async () => {
    await using etcd = await startEtcd();
    await using proxy = await startHttpProxy('connects');
    // The tests' own client goes by the environment too.
    await etcd.put('/services/web/a', '1');
    process.env.http_proxy = proxy.url;
    const options = { endpoints: [etcd.endpoint], prefixes: ['/services'], index: 0 };
    const seen = async (more: object) => {
      await using recorder = new SourceRecorder(etcdSource({ ...options, ...more }));
      await recorder.until(() => recorder.states.includes('live') && recorder.tree.size === 1);
      return proxy.all;
    };
    expect(await seen({})).toBe(0);
    expect(await seen({ proxy: 'environment', noProxy: 'localhost, 127.0.0.1' })).toBe(0);
    expect(await seen({ proxy: 'environment', noProxy: '*' })).toBe(0);
    expect(await seen({ proxy: 'environment', noProxy: 'example.com' })).toBe(1);
    await waitFor(() => proxy.open === 0, { what: 'the end of the connection' });
  });

  test.each<[ProxyManner, string]>([
    ['refuses', 'the HTTP proxy answered 403'],
    ['is silent', 'the HTTP proxy did not answer in 1.5 s'],
    ['closes', 'the HTTP proxy: ECONNRESET'],
  ])('one that %s is named, and no connection to it is left over', async (manner, said) => {
    await using etcd = await startEtcd();
    await using proxy = await startHttpProxy(manner);
    process.env.http_proxy = proxy.url;
    const options = {
      endpoints: [etcd.endpoint],
      prefixes: ['/services'],
      index: 0,
      proxy: 'environment',
    } as const;
    await expect(etcdSource(options).read(AbortSignal.timeout(20_000))).rejects.toMatchObject({
      message: `reading etcd: ${etcd.endpoint}: ${said}`,
      hint: expect.stringContaining('no_proxy'),
    });
    const recorder = new SourceRecorder(etcdSource(options));
    // A silent one is given up after 1.5 s, and asked about twice a second.
    await waitFor(() => proxy.all > 15, { what: 'many tries', timeout: 30_000 });
    expect(proxy.open).toBeLessThan(12);
    await recorder.stop();
    await waitFor(() => proxy.open === 0, { what: 'the end of every connection' });
  });
});

test('no_proxy is read with blanks, "*", names and what they end with', () => {
  const excepted = (noProxy: string) => isExcepted('http://etcd-1.example.com:2379', noProxy);
  for (const one of [
    '*',
    'etcd-1.example.com',
    ' localhost , .example.com',
    'example.com',
    '*.example.com',
    'ETCD-1.Example.com',
  ]) {
    expect([one, excepted(one)]).toEqual([one, true]);
  }
  for (const one of ['', 'ample.com', 'example', 'example.org', ', ,', 'etcd-2.example.com']) {
    expect([one, excepted(one)]).toEqual([one, false]);
  }
  expect(isExcepted('https://[fd00::1]:2379', 'fd00::1')).toBe(true);
  expect(isExcepted('http://127.0.0.1:2379', 'localhost, 127.0.0.1')).toBe(true);
});
