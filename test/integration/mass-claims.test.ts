import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { request, startBackend, waitFor } from '../support/haproxy.ts';
import { makeSite } from '../support/pointsman.ts';

test('most addresses of a service that another one registers are its own at once, and it is told until it is over', async () => {
  await using one = await startBackend('a');
  await using two = await startBackend('b');
  await using three = await startBackend('c');
  const [a, b, c] = [one.address, two.address, three.address];
  await using site = await makeSite();
  const keys = (services: object) =>
    writeFile(path.join(site.folder, 'services.yaml'), JSON.stringify({ services }));
  await keys({ shop: { a, b, c } });
  await using daemon = await site.start();
  await daemon.ready();
  // The later name has it in a file.
  await keys({ shop: { a, b, c }, zoo: { a, b } });
  const bodies = async (host: string) => {
    const answers = await Promise.all(Array.from({ length: 12 }, () => request(site.url, { host })));
    return [...new Set(answers.map(({ body }) => body))].sort();
  };
  await waitFor(async () => (await bodies('zoo').catch(() => [])).join() === 'a,b', { what: 'the claim' });
  expect(await bodies('shop')).toEqual(['c']);
  const claim = { service: 'shop', by: 'zoo', taken: 2, of: 3 };
  expect((await daemon.status()).massClaims).toEqual([claim]);
  expect(daemon.log().filter(({ event }) => event === 'addresses-taken')).toMatchObject([
    { level: 'warn', msg: '2 of 3 addresses of shop are registered by zoo now', claims: [claim] },
  ]);
  const metrics = async () => (await request(`http://127.0.0.1:${site.statusPort}/metrics`)).body;
  expect(await metrics()).toMatch(/^pointsman_mass_claims 1$/m);
  await keys({ shop: { c }, zoo: { a, b } });
  await waitFor(async () => ((await daemon.status()).massClaims as unknown[]).length === 0, {
    what: 'its end',
  });
  expect(await metrics()).toMatch(/^pointsman_mass_claims 0$/m);
  expect(await metrics()).toMatch(/^pointsman_mass_claims_total 1$/m);
}, 60_000);
