import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { request, startBackend, startHaproxy, startLoad, waitFor } from '../support/haproxy.ts';
import { makeSite } from '../support/pointsman.ts';

/** As templates of one's own are written: a line for each place. */
const TEMPLATE = `{% extends "pointsman/haproxy.cfg.njk" %}
{% block http_routes %}
{% for r in routes %}
{% if r.host and r.path %}
  use_backend be_{{ r.service }} if { hdr(host) {{ r.host }} } { path_beg {{ r.path }} }
{% endif %}
{% endfor %}
{% endblock %}
`;

/** 10 kB that make 128,000 places on the frontend. */
function hugeRoute(): string {
  const hosts = Array.from({ length: 400 }, (_, at) => `h${at}.evil.example`);
  const paths = Array.from({ length: 320 }, (_, at) => `/p${at}`);
  return JSON.stringify({ hosts, paths });
}

test.each(['managed', 'master-socket'] as const)(
  'one route that changes 100,000 lines ends nothing, and the next change goes out (%s)',
  async (mode) => {
    await using one = await startBackend('one');
    await using two = await startBackend('two');
    await using site = await makeSite({
      haproxy: { mode, checkTimeout: '60s' },
      vars: { defaultService: 'web' },
      // A busy machine must not take it for a value that makes rendering slow.
      more: {
        template: 'own.njk',
        limits: { routes: 200_000, placesPerService: 200_000, render: '30s' },
      },
    });
    await writeFile(path.join(site.folder, 'own.njk'), TEMPLATE);
    const file = path.join(site.folder, 'services.yaml');
    const keys = (services: object, routes: object = {}) =>
      writeFile(file, JSON.stringify({ services, routes }));
    await keys({ web: { one: one.address } });
    if (mode === 'master-socket') {
      expect((await site.run('render', '--set', 'haproxy.mode=none')).code).toBe(0);
    }
    await using _haproxy =
      mode === 'master-socket'
        ? await startHaproxy({ configPath: site.configPath, masterSocket: site.masterSocket })
        : undefined;
    await using daemon = await site.start();
    await daemon.ready();
    await using load = startLoad(site.url);
    await waitFor(() => load.ok() > 20);
    await keys({ web: { one: one.address }, evil: { x: '127.0.0.1:1' } }, { evil: JSON.parse(hugeRoute()) });
    await waitFor(
      async () => {
        // It draws and compares 128,000 lines, and on a busy machine answers nobody meanwhile.
        const status = await daemon.status().catch(() => null);
        const { reasons } = (status?.lastApply ?? { reasons: [] }) as { reasons: string[] };
        return reasons.some((reason) => /^and \d{5,} more$/.test(reason));
      },
      { what: 'a pass with very many reasons', timeout: 90_000 },
    );
    await keys({ web: { two: two.address } });
    await waitFor(async () => (await request(site.url)).body === 'two', {
      what: 'the change after it',
      timeout: 90_000,
    });
    expect((await request(`http://127.0.0.1:${site.statusPort}/readyz`)).status).toBe(200);
    expect(load.failures()).toEqual([]);
    const records = daemon.log();
    expect(records.filter(({ event }) => event === 'part-failed')).toEqual([]);
    expect(
      Math.max(
        0,
        ...daemon
          .output()
          .split('\n')
          .map((line) => line.length),
      ),
    ).toBeLessThan(20_000);
    await waitFor(async () => (await readFile(site.configPath, 'utf8')).includes('server two'), {
      what: 'the file',
      timeout: 90_000,
    });
  },
  240_000,
);
