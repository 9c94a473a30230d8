import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { isAlive, request, showProc, startBackend, startLoad, waitFor } from '../support/haproxy.ts';
import { makeSite, type Site } from '../support/pointsman.ts';

const WAYS = {
  'an exception': "throw new Error('of a stranger')",
  'a rejection': "Promise.reject(new Error('of a stranger'))",
} as const;

/** A module for `node --import` that does one of these as soon as its file is there. */
async function saboteur(site: Site, code: string) {
  const hook = path.join(site.folder, 'hook.mjs');
  const trigger = path.join(site.folder, 'now');
  await writeFile(
    hook,
    `import { existsSync } from 'node:fs';
     import fs from 'node:fs/promises';
     import { syncBuiltinESMExports } from 'node:module';
     const timer = setInterval(() => {
       if (!existsSync(${JSON.stringify(trigger)})) return;
       clearInterval(timer);
       ${code};
     }, 20);`,
  );
  const env = { NODE_OPTIONS: `--import ${pathToFileURL(hook)}` };
  return { env, crash: () => writeFile(trigger, '') };
}

test.each([...Object.keys(WAYS), 'SIGKILL'])(
  'managed: HAProxy serves on when Pointsman ends by %s, and the next start adopts it; only SIGTERM ends it',
  async (how) => {
    await using backend = await startBackend('one');
    await using site = await makeSite();
    await writeFile(
      path.join(site.folder, 'services.yaml'),
      `services: { web: { one: "${backend.address}" } }\n`,
    );
    const { env, crash } = await saboteur(
      site,
      Object.entries(WAYS).find(([name]) => name === how)?.[1] ?? '',
    );
    await using daemon = await site.start({ env });
    await daemon.ready();
    const before = await showProc(site.masterSocket);
    {
      await using load = startLoad(site.url, { host: 'web' });
      await waitFor(() => load.ok() > 20);
      if (how === 'SIGKILL') {
        daemon.child.kill('SIGKILL');
      } else {
        await crash();
      }
      expect(await daemon.ended).toBe(how === 'SIGKILL' ? 'SIGKILL' : 1);
      const soFar = load.ok();
      await waitFor(() => load.ok() > soFar + 100);
      expect(load.failures()).toEqual([]);
    }
    if (how !== 'SIGKILL') {
      expect(daemon.log().find(({ event }) => event === 'crashed')).toMatchObject({
        level: 'error',
        msg: `pointsman ends over an error: Error: of a stranger. HAProxy (pid ${before.master}) goes on, and the next start adopts it`,
        stack: expect.stringContaining('hook.mjs'),
      });
    }
    await using next = await site.start();
    await next.ready();
    expect(await showProc(site.masterSocket)).toEqual(before);
    expect(next.log().map(({ event }) => event)).toContain('haproxy-adopted');
    next.child.kill('SIGTERM');
    expect(await next.ended).toBe(0);
    expect(await isAlive(before.master)).toBe(false);
  },
);

test('a bug in what it does all the time fails that alone, with its stack: all else goes on, and so does it without the bug', async () => {
  await using one = await startBackend('one');
  await using two = await startBackend('two');
  await using site = await makeSite();
  const keys = (address: string) =>
    writeFile(path.join(site.folder, 'services.yaml'), `services: { web: { one: "${address}" } }\n`);
  await keys(one.address);
  const fixed = path.join(site.folder, 'fixed');
  const { env, crash } = await saboteur(
    site,
    `for (const name of ['readFile', 'readdir', 'stat', 'open']) {
       const real = fs[name];
       fs[name] = async (path, ...rest) => {
         if (!String(path).startsWith('/proc/') && !existsSync(${JSON.stringify(fixed)})) throw new Error('of a stranger');
         return real(path, ...rest);
       };
     }
     syncBuiltinESMExports()`,
  );
  await using daemon = await site.start({ env });
  await daemon.ready();
  const before = await showProc(site.masterSocket);
  await using load = startLoad(site.url, { host: 'web' });
  await crash();
  await keys(two.address);
  const failed = () => daemon.log().filter(({ event }) => event === 'part-failed');
  await waitFor(() => failed().length > 1, { timeout: 20_000 });
  expect(failed()[0]).toMatchObject({ level: 'error', stack: expect.stringContaining('hook.mjs') });
  expect((await request(`http://127.0.0.1:${site.statusPort}/healthz`)).status).toBe(200);
  await writeFile(fixed, '');
  await waitFor(() => two.requests() > 0, { what: 'the change', timeout: 90_000 });
  expect(load.failures()).toEqual([]);
  expect((await showProc(site.masterSocket)).master).toBe(before.master);
}, 120_000);
