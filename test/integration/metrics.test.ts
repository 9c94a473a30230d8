import { appendFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { startEtcd } from '../support/etcd.ts';
import { cli, freePort, request, startBackend, waitFor } from '../support/haproxy.ts';
import { type Daemon, makeSite, type Site } from '../support/pointsman.ts';
import { lintMetrics } from '../support/promtool.ts';

const LIMIT = 60_000;

async function scrape(site: Site): Promise<{ readonly text: string; readonly of: Map<string, number> }> {
  const { body } = await request(`http://127.0.0.1:${site.statusPort}/metrics`, { timeout: 20_000 });
  const lines = body.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const cut = (line: string) => line.lastIndexOf(' ');
  return {
    text: body,
    of: new Map(lines.map((line) => [line.slice(0, cut(line)), Number(line.slice(cut(line) + 1))])),
  };
}

/** Waits until series have at least these values, by their names without `pointsman_`. */
async function reach(site: Site, daemon: Daemon, wanted: Readonly<Record<string, number>>): Promise<void> {
  let last = new Map<string, number>();
  const missing = () =>
    Object.entries(wanted).filter(([name, least]) => (last.get(`pointsman_${name}`) ?? -1) < least);
  await waitFor(
    async () => {
      // On a busy machine an answer may be late.
      last = (await scrape(site).catch(() => null))?.of ?? last;
      return missing().length === 0;
    },
    { timeout: LIMIT },
  ).catch(() => {
    const found = missing().map(([name]) => `${name} is ${last.get(`pointsman_${name}`)}`);
    throw new Error(`waited in vain: ${found.join(', ')}\n${daemon.output().slice(-5000)}`);
  });
}

test('what happens moves its metric, as a scraper sees it: all are there from the start, and promtool reads them', async () => {
  await using etcd = await startEtcd();
  await using backend = await startBackend('one');
  await using site = await makeSite({
    sources: [{ etcd: { endpoints: [etcd.endpoint] } }],
    vars: { checkInterval: '200ms' },
    more: { metrics: { services: 2 } },
  });
  const nobody = `127.0.0.1:${await freePort()}`;
  const source = `source="0",name="etcd ${etcd.endpoint}"`;
  await etcd.put('/services/api/one', backend.address);
  await using daemon = await site.start();
  const reaches = (wanted: Readonly<Record<string, number>>) => reach(site, daemon, wanted);
  const web = (id: string, value: string | object) =>
    etcd.put(`/services/web/${id}`, typeof value === 'string' ? value : JSON.stringify(value));
  await reaches({ [`source_live{${source}}`]: 0 });
  const first = await scrape(site);

  await web('one', backend.address.replace('127.0.0.1', '127.0.0.2'));
  await reaches({ ready: 1, 'servers{state="up"}': 1, services: 2 });

  await web('two', nobody);
  await reaches({
    'runtime_commands_total{command="add"}': 1,
    'change_to_live_seconds_count{how="runtime"}': 1,
    'service_servers{service="web",state="down"}': 1,
  });
  await web('two', { host: '127.0.0.1', port: 9, weight: 0 });
  await reaches({
    'runtime_commands_total{command="weight"}': 1,
    'runtime_commands_total{command="address"}': 1,
    'service_servers{service="web",state="drain"}': 1,
  });
  await etcd.put('/services/zoo/one', nobody);
  await reaches({
    'reloads_total{cause="sections"}': 1,
    'change_to_live_seconds_count{how="reload"}': 1,
    'service_servers{service="*",state="down"}': 1,
    services_down: 1,
  });
  await etcd.delete('/services/web/two');
  await web('odd', { host: '127.0.0.1', port: 8, wieght: 1, colour: 'red' });
  await web('bad', 'nonsense');
  await reaches({
    'runtime_commands_total{command="remove"}': 1,
    'remarked_keys{remark="misspelt"}': 1,
    'remarked_keys{remark="unknown"}': 1,
    rejected_keys: 1,
  });
  // The lives of every-event.test.ts move the others.
  if (process.env.TEST_ALL === '1') {
    await web('odd', 'nonsense');
    await etcd.delete('/services/zoo/one');
    await reaches({ kept_keys: 1, held_keys: 1, holds_total: 1 });
    await appendFile(site.configPath, '# by hand\n');
    await reaches({ hand_edits_total: 1 });
    await cli(site.statsSocket, 'experimental-mode on; set var proc.pointsman_mark expr str(stranger)');
    await reaches({ 'reloads_total{cause="drift"}': 1, ready: 1 });
    await site.run('pause', '--for', '5m');
    await reaches({ paused: 1 });
    await web('six', '127.0.0.1:6');
    await reaches({ pending: 1, 'passes_total{outcome="paused"}': 1 });
    await etcd.kill();
    await reaches({ [`source_stale{${source}}`]: 1 });
  }

  const last = await scrape(site);
  const names = ({ of }: typeof last) =>
    [...of.keys()].filter((name) => !name.startsWith('pointsman_service_servers'));
  expect(names(last)).toEqual(names(first));
  expect(await lintMetrics(first.text)).toBe('');
  expect(await lintMetrics(last.text)).toBe('');
}, 240_000);
