import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { startEtcd } from '../support/etcd.ts';
import { keyValue, startFalseEtcd } from '../support/false-etcd.ts';
import { request, waitFor } from '../support/haproxy.ts';
import { startHttpProxy } from '../support/http-proxy.ts';
import { type Daemon, makeSite, type SiteOptions } from '../support/pointsman.ts';

const MEBIBYTE = 2 ** 20;
const fragment = {
  header: { cluster_id: '7', revision: '6' },
  watch_id: '4',
  fragment: true,
  events: [{ type: 'PUT', kv: keyValue('/services/web/c', 'x'.repeat(1_000_000)) }],
};

const siteWith = (etcd: object, more: SiteOptions['more'] = {}) =>
  makeSite({ sources: [{ etcd }], haproxy: { mode: 'none' }, more });

async function sourceOf(daemon: Daemon): Promise<{ readonly state: string; readonly error: string | null }> {
  return (
    ((await daemon.status()).sources as { state: string; error: string | null }[])[0] ?? {
      state: '',
      error: '',
    }
  );
}

test('the daemon outlives whatever an etcd answers, goes on with its keys, and takes the truth', async () => {
  await using etcd = await startFalseEtcd();
  await using site = await siteWith({ endpoints: [etcd.endpoint] });
  await using daemon = await site.start();
  await daemon.ready();
  const lies = [
    ['range', 'header'],
    ['watch', 'header'],
  ] as const;
  for (const [of, field] of lies) {
    etcd.lie = (answer, to) => (to === of ? { ...answer, [field]: undefined } : answer);
    await etcd.push({ header: fragment.header, watch_id: '4', events: [{ type: 'PUT' }] });
    await waitFor(async () => (await sourceOf(daemon)).error?.includes(`${field} is missing`), {
      what: `a word of the ${field} that is missing`,
      timeout: 20_000,
    });
    expect((await request(`http://127.0.0.1:${site.statusPort}/healthz`)).status).toBe(200);
    etcd.lie = null;
    await waitFor(async () => (await sourceOf(daemon)).state === 'live', { what: 'live', timeout: 20_000 });
  }
  expect(await readFile(site.configPath, 'utf8')).toContain('server b 10.0.0.2:80');
});

test('fragments without end do not fill its memory', async () => {
  await using etcd = await startFalseEtcd();
  const limits = { totalBytes: 16 * MEBIBYTE, valueBytes: 2 * MEBIBYTE };
  await using site = await siteWith({ endpoints: [etcd.endpoint] }, { limits });
  await using daemon = await site.start();
  await daemon.ready();
  let most = await residentBytes(daemon);
  // 600 MB, unless it leaves: then as often as it comes back.
  for (let sent = 0; sent < 600 && etcd.streams < 5; ) {
    const open = await etcd.push(fragment);
    sent += open;
    if (open === 0) {
      await waitFor(() => etcd.open > 0, { what: 'a stream', timeout: 20_000 });
    }
    most = Math.max(most, await residentBytes(daemon));
  }
  console.log(`fragments of 1 MB without end: at most ${Math.round(most / MEBIBYTE)} MiB`);
  expect(most).toBeLessThan(400 * MEBIBYTE);
  await waitFor(async () => (await sourceOf(daemon)).state === 'live', { what: 'live', timeout: 20_000 });
});

test('an HTTP proxy that refuses gathers no connections, and SIGTERM is heard meanwhile', async () => {
  await using etcd = await startEtcd();
  await using proxy = await startHttpProxy('refuses');
  process.env.http_proxy = proxy.url;
  try {
    await using site = await siteWith({ endpoints: [etcd.endpoint], proxy: 'environment' });
    await using daemon = await site.start();
    await waitFor(() => proxy.all > 20, { what: 'many tries', timeout: 30_000 });
    expect(proxy.open).toBeLessThan(6);
    expect((await sourceOf(daemon)).error).toContain('the HTTP proxy answered 403');
    const began = performance.now();
    daemon.child.kill('SIGTERM');
    expect(await daemon.ended).toBe(0);
    expect(performance.now() - began).toBeLessThan(5_000);
    await waitFor(() => proxy.open === 0, { what: 'the end of its connections' });

    const before = proxy.all;
    await using plain = await siteWith({ endpoints: [etcd.endpoint] });
    await using direct = await plain.start();
    await waitFor(async () => (await sourceOf(direct)).state === 'live', { what: 'live', timeout: 20_000 });
    expect(proxy.all).toBe(before);
  } finally {
    delete process.env.http_proxy;
  }
});

async function residentBytes({ child }: Daemon): Promise<number> {
  const status = await readFile(`/proc/${child.pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
}
