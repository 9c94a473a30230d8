import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { waitFor } from '../support/haproxy.ts';
import { makeSite, type Site } from '../support/pointsman.ts';

const NEWER = '{"version": 9, "units": "of another form"}\n';
const TOLD = /quarantine\.json: a newer Pointsman wrote it \(version 9, this one reads up to 1\)/;

/** A site with a service, whose state folder was used by a newer Pointsman. */
async function usedByNewer(options: Parameters<typeof makeSite>[0] = {}): Promise<Site> {
  const site = await makeSite(options);
  await writeFile(path.join(site.folder, 'services.yaml'), 'services: {web: {a: "127.0.0.1:1"}}\n');
  await mkdir(path.join(site.folder, 'state'));
  await writeFile(path.join(site.folder, 'state', 'quarantine.json'), NEWER);
  return site;
}

async function isAside(site: Site): Promise<void> {
  const state = path.join(site.folder, 'state');
  expect(await readFile(path.join(state, 'quarantine.json.v9'), 'utf8')).toBe(NEWER);
  expect(await readdir(state)).not.toContain('quarantine.json');
}

test('the daemon goes on where a newer one has left what it cannot read, and says what it set aside', async () => {
  await using site = await usedByNewer({ haproxy: { mode: 'none' } });
  await using daemon = await site.start();
  await daemon.ready();
  await isAside(site);
  await waitFor(() => daemon.log().some(({ event, msg }) => event === 'notice' && TOLD.test(String(msg))), {
    what: 'the notice',
  });
});

test('render goes on there too', async () => {
  await using site = await usedByNewer({ haproxy: { mode: 'none' } });
  const { code, stderr } = await site.run('render');
  expect([code, stderr]).toEqual([0, expect.stringMatching(TOLD)]);
  await isAside(site);
});
