import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { startEtcd } from '../support/etcd.ts';
import { waitFor } from '../support/haproxy.ts';
import { makeSite } from '../support/pointsman.ts';

const TEMPLATE = `{% extends "pointsman/haproxy.cfg.njk" %}
{% block global %}
{{ super() }}
{% for key in gets("/haproxy/loops/*") %}
  # {{ key.key }} {% for a in range(0, key.value | int) %}{% for b in range(0, key.value | int) %}{% endfor %}{% endfor %}

{% endfor %}
{% endblock %}
`;

test('a value that makes the template run for ever is set aside by its name, and the others go out', async () => {
  await using etcd = await startEtcd();
  await using site = await makeSite({
    sources: [{ etcd: { endpoints: [etcd.endpoint] } }],
    haproxy: { mode: 'none' },
    more: { template: 'own.cfg.njk', prefixes: { keys: ['/haproxy'] } },
  });
  await writeFile(path.join(site.folder, 'own.cfg.njk'), TEMPLATE);
  for (let at = 0; at < 50; at++) {
    await etcd.put(`/haproxy/loops/k${at}`, '2');
  }
  await etcd.put('/services/web/a', '127.0.0.1:9001');
  const text = () => readFile(site.configPath, 'utf8').catch(() => '');
  await using daemon = await site.start();
  await waitFor(async () => (await text()).includes('be_web'), { what: 'the first text', timeout: 30_000 });

  await etcd.put('/haproxy/loops/k33', '1000000');
  await etcd.put('/services/shop/a', '127.0.0.1:9002');
  await waitFor(async () => (await text()).includes('be_shop'), { what: 'the others', timeout: 30_000 });
  const quarantined = (await daemon.status()).quarantined as { unit: string; reason: string }[];
  expect(quarantined.map(({ unit }) => unit)).toEqual(['key /haproxy/loops/k33']);
  expect(quarantined[0]?.reason).toMatch(
    /^template own\.cfg\.njk, line 5, `.*`: rendering takes longer than/,
  );

  // A value that hangs is being rendered while the signal comes.
  const passes = daemon.log().length;
  await etcd.put('/haproxy/loops/k34', '1000000');
  await waitFor(() => daemon.log().length > passes, { what: 'something of the next value', timeout: 30_000 });
  const asked = performance.now();
  daemon.child.kill('SIGTERM');
  expect(await daemon.ended).toBe(0);
  expect(performance.now() - asked).toBeLessThan(10_000);
}, 120_000);
