import { rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { startBackend, waitFor } from '../support/haproxy.ts';
import { makeSite } from '../support/pointsman.ts';

test('why and history say which key brought a change, who, what changed and what was before, with and without the daemon', async () => {
  await using one = await startBackend('one');
  await using site = await makeSite({ more: { guard: { minimum: 1, share: 0.4 } } });
  const keys = (services: object) =>
    writeFile(path.join(site.folder, 'services.yaml'), JSON.stringify({ services }));
  const run = async (...args: readonly string[]) => {
    const { code, stdout, stderr } = await site.run(...args);
    expect(stderr, args.join(' ')).toBe('');
    expect(code).toBe(0);
    return stdout;
  };
  const web = { one: one.address };
  await keys({ web, shop: { s1: '127.0.0.1:1' } });
  expect((await site.run('why')).stderr).toContain('nothing is written down');
  const daemon = await site.start();
  try {
    await daemon.ready();
    await waitFor(async () => (await run('history')).includes('started'), { timeout: 20_000 });
    const two = { host: '127.0.0.1', port: 2, meta: { owner: 'alice' } };
    await keys({ web: { ...web, two }, shop: { s1: '127.0.0.1:1' } });
    await waitFor(async () => (await run('why', '--service', 'web')).includes('web: +two'), {
      timeout: 20_000,
    });
    await keys({ web: { ...web, two }, shop: { s1: 'nonsense' } });
    await waitFor(async () => (await run('why')).includes('keeps its last good form'), { timeout: 20_000 });
  } finally {
    await daemon[Symbol.asyncDispose]();
  }
  const why = await run('why', '--service', 'web');
  expect(why).toMatch(/^ +keys +\/services\/web\/two/m);
  expect(why).toMatch(/^ +by +alice$/m);
  expect(why).toMatch(/^@@ .* @@ backend be_web$/m);
  expect(why).toMatch(/^\+ +server two 127\.0\.0\.1:2/m);
  expect(await run('why', '--key', '/services/shop/s1')).toMatch(/^ +said +\/services\/shop\/s1 keeps /m);
  const all = JSON.parse(await run('history', '--json', '--since', '1h'));
  const [first, second] = all.toReversed();
  expect(first).toMatchObject({ number: 1, outcome: 'started', files: [{ name: site.configPath }] });
  expect(second).toMatchObject({ number: 2, services: ['web'], files: [{ added: 1, removed: 0 }] });
  expect(await run('history', 'show', '1..2')).toMatch(/^\+ +server two /m);
  expect(await run('history', 'show', '2..1')).toMatch(/^- +server two /m);
  expect((await site.run('history', 'show', '99')).stderr).toContain('it has no entry 99');
  expect((await site.run('history', 'shw', '1')).code).toBe(2);
  // What cannot be read is not told as nothing.
  const history = path.join(site.folder, 'state', 'history');
  await rename(history, `${history}.away`);
  await writeFile(history, '');
  for (const verb of ['why', 'history']) {
    expect(await site.run(verb)).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining(`reading the ledger in ${history}: `),
    });
  }
}, 120_000);
