import { mkdir, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import path from 'node:path';
import { expect, test } from 'vitest';
import { makeSite, type Site } from '../support/pointsman.ts';

/** A stand-in for the daemon of a site. */
async function answering(site: Site, listener: RequestListener): Promise<AsyncDisposable> {
  const stateDir = path.join(site.folder, 'state');
  await mkdir(stateDir, { recursive: true });
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(path.join(stateDir, 'control.sock'), resolve));
  return {
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function siteWithKeys(): Promise<Site> {
  const site = await makeSite({ haproxy: { mode: 'none' } });
  await writeFile(path.join(site.folder, 'services.yaml'), 'services: { web: { a: 10.0.0.1:80 } }\n');
  return site;
}

test('what the daemon refuses is shown with its hint, as an error of the command itself', async () => {
  await using site = await siteWithKeys();
  const error = { code: 'system', message: 'writing it down: no space is left', hint: 'Make room.' };
  await using _daemon = await answering(site, (_, answer) =>
    answer.writeHead(500).end(JSON.stringify({ error })),
  );
  expect(await site.run('release')).toEqual({
    code: 1,
    stdout: '',
    stderr: 'pointsman: asking the daemon: writing it down: no space is left\n  Make room.\n',
  });
});

test.each([
  [
    'of another version, which does not know the question',
    404,
    JSON.stringify({ error: { code: 'unknown', message: 'nobody answers GET /services' } }),
    /nobody answers GET \/services; the sources are read anew/,
  ],
  [
    'older than that',
    404,
    '{"statusCode":404}',
    /an answer of another version \(404\); the sources are read anew/,
  ],
  ['not one at all', 200, 'hello', /not valid JSON; the sources are read anew/],
])('where who listens is %s, the sources are read, and that is said', async (_, code, text, said) => {
  await using site = await siteWithKeys();
  await using _daemon = await answering(site, (_, answer) => answer.writeHead(code).end(text));
  const { stdout, stderr, ...ended } = await site.run('services');
  expect([ended.code, stdout]).toEqual([0, expect.stringContaining('  a  10.0.0.1:80\n')]);
  expect(stderr).toMatch(said);
});

test('who listens and says nothing is waited for for 2 s; check calls it wrong', async () => {
  await using site = await siteWithKeys();
  await using _daemon = await answering(site, () => undefined);
  const [services, check, diff] = await Promise.all([
    site.run('services'),
    site.run('check'),
    site.run('services', '--diff'),
  ]);
  expect(services).toMatchObject({ code: 0, stdout: expect.stringContaining('  a  10.0.0.1:80\n') });
  expect(services.stderr).toMatch(/control\.sock: no answer in 2 s; the sources are read anew\n$/);
  expect(check.code).toBe(1);
  expect(check.stdout).toMatch(/^wrong +daemon +\S+\/control\.sock: no answer in 2 s$/m);
  expect(diff).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('does not say what it has: no answer in 2 s'),
  });
});
