import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { readLedger } from '../../src/ledger/read-ledger.ts';
import { showProc } from '../support/haproxy.ts';
import { startChromium } from './chromium.ts';
import { startWorld } from './world.ts';

const EVIL = '<img src=x onerror=alert(1)>"\'</script><script>alert(2)</script>';
const IMAGE = '<img src=x onerror=alert(3)>';
const TEMPLATE = `{% extends "pointsman/haproxy.cfg.njk" %}
{% block global_extra %}
{{ getv("/haproxy/line", "") }}
{% endblock %}
`;
const SEEN = { timeout: 60_000 };

describe('the page in a browser', () => {
  test('shows what comes without a reload, what is wrong with key and cause, and runs nothing of what it shows', async () => {
    await using world = await startWorld(
      {},
      {
        vars: { domain: 'example.com' },
        more: { template: `./t${IMAGE}/haproxy.cfg.njk`, prefixes: { keys: ['/haproxy'] } },
        texts: { [`t${IMAGE}/haproxy.cfg.njk`]: TEMPLATE },
      },
    );
    await using browser = await startChromium();
    const { etcd, daemon, site, url } = world;
    const [one, two] = [await world.backend('one'), await world.backend('two')];
    for (const name of ['blog', 'shop']) {
      await etcd.put(`/services/${name}/a`, `127.0.0.1:${name === 'blog' ? one.port : two.port}`);
    }
    await daemon.ready();
    const { page, complaints } = await browser.open(url);
    const has = (selector: string, text: string | RegExp) =>
      page.locator(selector).filter({ hasText: text }).first().waitFor(SEEN);
    await has('#sentence', 'Serving 2 instances of 2 services.');
    const loads = await page.evaluate(() => performance.timeOrigin);

    const three = await world.backend('three');
    await etcd.put(
      '/services/new/one',
      JSON.stringify({ host: '127.0.0.1', port: three.port, meta: { owner: EVIL } }),
    );
    await has('.row .name', 'new');
    await has('#change', 'new: new, +one');

    await etcd.put('/services/shop/bad', EVIL);
    await has('[data-label="rejected"]', '/services/shop/bad');
    await has('[data-label="rejected"]', 'mend or delete the key');
    await etcd.put('/services/blog/a', `nonsense ${EVIL}`);
    await has('[data-label="kept"]', '/services/blog/a keeps');
    await etcd.put('/routes/shop', JSON.stringify({ hosts: [EVIL], meta: { x: EVIL } }));
    await has('[data-label="kept"], [data-label="rejected"]', '/routes/shop');
    await etcd.put('/services/new/two', '127.0.77.1:1');
    await has('[data-label="DOWN"]', 'new/two (127.0.77.1:1)');
    await has('.tile', /^Configurationapplied and verified/);
    await has('.tile', /^Health1 of 4 DOWN/);
    await has('#about', `./t${IMAGE}/haproxy.cfg.njk`.slice(2));
    await page.locator('.passes summary').filter({ hasText: 'new: new, +one' }).click();
    await has('.passes .inside', `${EVIL}`);
    await etcd.put('/haproxy/line', EVIL);
    await has('[data-label="set aside"]', /key \/haproxy\/line.*<img/);
    await etcd.delete('/haproxy/line');
    await page.locator('[data-label="set aside"]').waitFor({ ...SEEN, state: 'detached' });
    await page.locator('#q').fill('127.0.77');
    await page.waitForFunction(() => document.querySelectorAll('.row').length === 1, undefined, SEEN);
    expect(new URL(page.url()).searchParams.get('q')).toBe('127.0.77');
    await page.locator('#q').fill('');
    await page.locator('.row[data-service="new"] summary').click();
    await has('.row[data-service="new"] tr', '/services/new/two');
    await etcd.delete('/services/new/one');
    await etcd.delete('/services/new/two');
    await has('[data-label="held"]', '/services/new/one');

    expect((await site.run('pause', '--for', '5m')).code).toBe(0);
    await has('[data-label="paused"]', 'pointsman resume');
    expect((await site.run('resume')).code).toBe(0);
    await page.locator('[data-label="paused"]').waitFor({ ...SEEN, state: 'detached' });
    const entry = (await readLedger(path.join(site.folder, 'state')).history({ service: 'new' })).at(-1);
    const back = ['rollback', `${entry?.number}`, '--exact', '--for', '5m'];
    expect(await site.run(...back)).toMatchObject({ code: 0, stderr: '' });
    await has('[data-label="rolled back"]', `to the text of entry ${entry?.number}, as it was, since`);
    await has('#tiles', 'rolled back');
    expect((await site.run('resume')).code).toBe(0);
    await page.locator('[data-label="rolled back"]').waitFor({ ...SEEN, state: 'detached' });
    await etcd.kill('SIGKILL');
    await has('[data-label="stale"]', 'etcd');

    expect(await page.evaluate(() => performance.timeOrigin)).toBe(loads);
    expect(await page.locator('main img, main script').count()).toBe(0);
    expect(complaints).toEqual([]);
    const described = parse(readFileSync(new URL('../../docs/openapi.yaml', import.meta.url), 'utf8'));
    const ajv = new Ajv2020({ strict: false, formats: { 'date-time': true } });
    ajv.addSchema(described, 'api');
    for (const [where, name] of [
      ['/api/status', 'Status'],
      ['/api/services', 'Services'],
      ['/api/history', 'History'],
      ['/api/history/1', 'Entry'],
    ]) {
      const answer: unknown = await (await fetch(url + where)).json();
      ajv.validate(`api#/components/schemas/${name}`, answer);
      expect([where, ajv.errors ?? []]).toEqual([where, []]);
    }
    const { entries } = (await (await fetch(`${url}/api/history?service=new`)).json()) as {
      entries: { services: string[]; files: { diff: unknown }[] }[];
    };
    expect(entries.length).toBeGreaterThan(0);
    expect(entries.every(({ services }) => services.includes('new'))).toBe(true);
    expect(entries.flatMap(({ files }) => files).every(({ diff }) => diff === null)).toBe(true);
    expect((await fetch(`${url}/api/history?diffs=1`)).status).toBe(403);
    const { master } = await showProc(site.masterSocket);
    daemon.child.kill('SIGKILL');
    await daemon.ended;
    // HAProxy outlives it, and is nobody's then.
    process.kill(master, 'SIGTERM');
    await has('#link', 'connection lost, as of');
  }, 240_000);
});
