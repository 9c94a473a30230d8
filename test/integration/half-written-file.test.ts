import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Backend, request, startBackend, waitFor } from '../support/haproxy.ts';
import { oldestAndNewest } from '../support/haproxy-versions.ts';
import { makeSite } from '../support/pointsman.ts';
import { writeTree } from '../support/replace-file.ts';
import { useHaproxy } from '../support/use-haproxy.ts';

/** A file that HAProxy's check reads, whole and half written: of errors, which need no certificate to be made. */
const WHOLE = 'HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nwait';
const HALF = WHOLE.slice(0, 20);

describe.each(oldestAndNewest)('on HAProxy $name', (haproxy) => {
  useHaproxy(haproxy);

  test('while a file that the configuration names is half written, servers come and go and stay so; mended, it is seen at once', async () => {
    await using stack = new AsyncDisposableStack();
    const backends: Record<string, Backend> = {};
    for (const name of ['a', 'b', 'c', 'd']) {
      backends[name] = stack.use(await startBackend(name));
    }
    await using site = await makeSite({ more: { template: './t/haproxy.cfg.njk' } });
    const errors = path.join(site.folder, '503.http');
    await mkdir(path.join(site.folder, 't'));
    await writeFile(errors, WHOLE);
    await writeFile(
      path.join(site.folder, 't', 'haproxy.cfg.njk'),
      `global
  stats socket {{ haproxy.statsSocket }} mode 600 level admin
defaults
  mode http
  balance roundrobin
  errorfile 503 ${errors}
  timeout connect 1s
  timeout client 30s
  timeout server 30s
frontend f
  bind {{ vars.bind }}
  default_backend be_web
backend be_web
{% for i in service("web").instances %}
  server {{ i.id }} {{ i.address }}
{% endfor %}
`,
    );
    const keys = (...names: string[]) => {
      const web = Object.fromEntries(names.map((name) => [name, backends[name]?.address]));
      return writeTree(site, { services: { web } });
    };
    const answers = async () => {
      const bodies = [];
      for (let count = 0; count < 12; count++) {
        bodies.push((await request(site.url)).body);
      }
      return [...new Set(bodies)].sort().join('');
    };
    await keys('a', 'b');
    await using daemon = await site.start();
    await daemon.ready();
    await waitFor(async () => (await answers()) === 'ab');
    await writeFile(errors, HALF);
    await keys('a', 'c');
    await waitFor(async () => (await answers()) === 'ac', { timeout: 15_000 });
    const refusals = () =>
      daemon.log().filter(({ event, part }) => event === 'check-refused' && part === undefined).length;
    const before = backends.b?.requests() ?? 0;
    // Through some tries of the file.
    while (refusals() < 3) {
      expect(await answers()).toBe('ac');
    }
    expect(backends.b?.requests()).toBe(before);
    expect((await daemon.status()).ahead).not.toBeNull();
    await keys('a', 'c', 'd');
    await waitFor(async () => (await answers()) === 'acd', { timeout: 15_000 });
    expect(daemon.log().filter(({ event }) => event === 'nobody-quarantined').length).toBeGreaterThan(0);
    await waitFor(() => refusals() >= 8, { timeout: 40_000 });
    expect(await readFile(site.configPath, 'utf8')).not.toContain('server d ');
    await writeFile(errors, WHOLE);
    const mended = Date.now();
    const text = () => readFile(site.configPath, 'utf8');
    await waitFor(async () => (await text()).includes('server d '), { what: 'the file', timeout: 70_000 });
    // The next try by time alone would come later than that.
    expect(Date.now() - mended).toBeLessThan(15_000);
    await waitFor(async () => (await daemon.status()).ahead === null, { timeout: 15_000 });
    expect(await answers()).toBe('acd');
  }, 120_000);
});
