import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { startEtcd, type TestEtcd } from '../support/etcd.ts';
import { freePort, showProc, startBackend, startHaproxy, waitFor } from '../support/haproxy.ts';
import { haproxyVersions } from '../support/haproxy-versions.ts';
import { makeSite, type Site } from '../support/pointsman.ts';
import { useHaproxy } from '../support/use-haproxy.ts';
import { startChromium } from './chromium.ts';

/** What a person finds who has nothing but `pointsman status`, or the page. */
interface Scene {
  readonly name: string;
  readonly begin: () => Promise<unknown>;
  /** Each has to be on the screen, and on the page: which key or file, why, and what to do. */
  readonly says: readonly RegExp[];
  /** What is on the page alone. */
  readonly pageSays?: readonly RegExp[];
  readonly mend: () => Promise<unknown>;
  /** Whether the screen says so without anything being left to do. */
  readonly isOver?: true;
}

const TEMPLATE = `{% extends "pointsman/haproxy.cfg.njk" %}
{% block global_extra %}
{{ getv("/haproxy/line", "") }}
{% endblock %}
`;
/** As confd has it. */
const OLD_TEMPLATE = '{{range ls "/services"}}\nbackend be_{{.}}\n{{end}}\n';

/** Waits until the screen says all of it, and gives its exit code. */
async function screenSays(
  site: Site,
  { says, name }: Pick<Scene, 'says' | 'name'>,
): Promise<number | string> {
  let last = { code: 0 as number | string, stdout: '', stderr: '' };
  const missing = () => says.filter((one) => !one.test(last.stdout));
  await waitFor(
    async () => {
      last = await site.run('status');
      return missing().length === 0;
    },
    { what: name, timeout: 40_000 },
  ).catch((error) => {
    throw new Error(`${error}\nmissing: ${missing().join(' ')}\n${last.stdout}${last.stderr}`);
  });
  return last.code;
}

/** The page's sentence, what is wrong with what to do, its notes, and what happened: as the screen has it. */
function pageLines(page: Page): Promise<string> {
  return page.evaluate(() => {
    const textOf = (one: Element) => one.textContent ?? '';
    const findings = [...document.querySelectorAll('.finding')].flatMap((finding) => [
      ...[...finding.querySelectorAll('li')].map(
        (item) => `! ${finding.getAttribute('data-label')}  ${textOf(item)}`,
      ),
      ...[...finding.querySelectorAll('.todo')].map((item) => `  -> ${textOf(item)}`),
    ]);
    const all = (selector: string) => [...document.querySelectorAll(selector)].map(textOf);
    return [
      `${all('#sentence')} ${all('#change')}`,
      ...findings,
      ...all('.notes li').map((note) => `  ${note}`),
      ...all('.passes summary').map((pass) => `  pass  ${pass}`),
    ].join('\n');
  });
}

/** Waits until the page says all of it, without being loaded again. */
async function seenOn(page: Page, { says, pageSays = [], name }: Scene): Promise<void> {
  let last = '';
  const missing = () => [...says, ...pageSays].filter((one) => !one.test(last));
  await waitFor(
    async () => {
      last = await pageLines(page);
      return missing().length === 0;
    },
    { what: name, timeout: 40_000 },
  ).catch((error) => {
    throw new Error(`${error}\nmissing on the page: ${missing().join(' ')}\n${last}`);
  });
}

async function hold(port: number): Promise<() => Promise<void>> {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen({ port, host: '127.0.0.1', exclusive: true }, resolve));
  return () => new Promise((resolve) => server.close(() => resolve()));
}

type Mode = 'master-socket' | 'managed';
const ALL = process.env.TEST_ALL !== undefined;
/** All on the newest alone, and with a HAProxy of its own, but where all tests are asked for. */
const versions = ALL ? haproxyVersions : haproxyVersions.slice(-1);
const modes: readonly Mode[] = ALL ? ['master-socket', 'managed'] : ['master-socket'];

describe.each(versions)('on HAProxy $name', (haproxy) => {
  useHaproxy(haproxy);

  test.each(modes)(
    'at three in the morning, in mode %s, pointsman status and the page name the key, the cause and what to do',
    async (mode) => {
      await using browser = await startChromium();
      await using backend = await startBackend('web');
      await using etcd = await startEtcd();
      await using site = await makeSite({
        sources: [{ etcd: { endpoints: [etcd.endpoint] } }],
        haproxy: { mode },
        vars: { bindAddress: '127.0.0.1' },
        more: {
          template: './t/haproxy.cfg.njk',
          guard: { minimum: 1, share: 0.4 },
          prefixes: { keys: ['/haproxy'] },
        },
      });
      const template = path.join(site.folder, 't', 'haproxy.cfg.njk');
      await mkdir(path.dirname(template));
      await writeFile(template, TEMPLATE);
      await etcd.put('/services/web/w1', backend.address);
      await etcd.put('/services/shop/s1', backend.address.replace('127.0.0.1', '127.0.0.2'));
      await etcd.put('/services/shop/s2', backend.address.replace('127.0.0.1', '127.0.0.3'));
      await using daemon = await site.start();
      await waitFor(async () => (await readFile(site.configPath, 'utf8').catch(() => '')) !== '', {
        what: 'the first file',
        timeout: 30_000,
      });
      const start = () => startHaproxy({ configPath: site.configPath, masterSocket: site.masterSocket });
      const stack = new AsyncDisposableStack();
      await using _stack = stack;
      if (mode === 'master-socket') {
        stack.use(await start());
      }
      const isWell = { name: 'all is well', says: [/^Serving 3 instances of 2 services\./] };
      await daemon.ready();
      const { page, complaints } = await browser.open(`http://127.0.0.1:${site.statusPort}`);
      await page
        .locator('#link')
        .filter({ hasText: /^live$/ })
        .waitFor({ timeout: 40_000 });
      for (const scene of await scenesOf({
        ...{ site, etcd, template, mode },
        start: async () => stack.use(await start()),
      })) {
        await waitFor(async () => (await site.run('status')).code === 0, {
          what: `all is well before: ${scene.name}`,
          timeout: 40_000,
        }).catch(async (error) => {
          throw new Error(`${error}\n${(await site.run('status')).stdout}`);
        });
        await scene.begin();
        expect(await screenSays(site, scene), scene.name).toBe(scene.isOver ? 0 : 1);
        await seenOn(page, scene);
        await scene.mend();
      }
      expect(await screenSays(site, isWell)).toBe(0);
      await page
        .locator('#sentence')
        .filter({ hasText: isWell.says[0] ?? '' })
        .waitFor({ timeout: 40_000 });
      expect(complaints).toEqual([]);
    },
    300_000,
  );
});

async function scenesOf({
  site,
  etcd,
  template,
  mode,
  start,
}: {
  readonly site: Site;
  readonly etcd: TestEtcd;
  readonly template: string;
  readonly mode: Mode;
  readonly start: () => Promise<unknown>;
}): Promise<Scene[]> {
  const was = (await etcd.client.get('/services/web/w1').string()) ?? '';
  const port = await freePort();
  let letGo: () => Promise<void> = async () => {};
  return [
    {
      name: 'a bad value',
      begin: () => etcd.put('/services/web/w1', '10.0.0.1:eighty'),
      says: [/^! kept +\/services\/web\/w1 keeps "127\.0\.0\.1:\d+": .*port/m, /-> mend or delete the key/],
      mend: () => etcd.put('/services/web/w1', was),
    },
    {
      name: 'a bad value of a new key',
      begin: () => etcd.put('/services/web/w2', '10.0.0.1:eighty'),
      says: [/^! rejected +\/services\/web\/w2: .*port/m, /-> mend or delete the key/],
      mend: () => etcd.delete('/services/web/w2'),
    },
    {
      name: 'a bad route',
      begin: () => etcd.put('/routes/shop', '{"hosts":["shop..test"]}'),
      says: [/^! rejected +\/routes\/shop: .*shop\.\.test/m, /-> mend or delete the key/],
      mend: () => etcd.delete('/routes/shop'),
    },
    {
      name: 'a port that another program of this host has',
      begin: async () => {
        letGo = await hold(port);
        await etcd.put('/routes/shop', JSON.stringify({ hosts: ['shop.test'], port }));
      },
      says: [
        new RegExp(`^! set aside +route of shop \\(/routes/shop;.*on this host alone.*: .*${port}`, 'm'),
        /-> end what holds the port \(ss -ltnp names it\)/,
      ],
      mend: async () => {
        await letGo();
        await etcd.delete('/routes/shop');
      },
    },
    {
      name: 'etcd down',
      begin: () => etcd.kill('SIGKILL'),
      says: [/^! stale +etcd .*: \S/m, /-> .*pointsman check/],
      mend: () => etcd.restart(),
    },
    {
      name: 'services that disappear',
      begin: () => etcd.deletePrefix('/services/shop/'),
      says: [
        /^! held +\/services\/shop\/s1 went from its source/m,
        /^! held +\/services\/shop\/s2 /m,
        /-> register it again, or pointsman release/,
      ],
      mend: async () => {
        await etcd.put('/services/shop/s1', was.replace('127.0.0.1', '127.0.0.2'));
        await etcd.put('/services/shop/s2', was.replace('127.0.0.1', '127.0.0.3'));
      },
    },
    {
      name: 'a value that HAProxy refuses',
      begin: () => etcd.put('/haproxy/line', 'no-such-word'),
      says: [
        /^! set aside +key \/haproxy\/line \(\/haproxy\/line;.*: .*no-such-word/m,
        /-> mend or delete the key/,
      ],
      mend: () => etcd.delete('/haproxy/line'),
    },
    {
      name: 'a pause',
      begin: async () => expect(await site.run('pause', '--for', '10m')).toMatchObject({ code: 0 }),
      says: [/^! paused +until .* by /m, /-> pointsman resume/],
      mend: () => site.run('resume'),
    },
    {
      name: 'an edit by hand',
      begin: () => appendFile(site.configPath, '# by hand\n'),
      says: [/^ {2}hand edit +\d+ s ago: .*haproxy\.cfg is as it was; the edit is kept in .*hand-edits/m],
      mend: async () => {},
      isOver: true,
    },
    {
      name: 'HAProxy killed',
      begin: async () => {
        const { master, workers } = await showProc(site.masterSocket);
        for (const pid of [master, ...workers]) {
          process.kill(pid, 'SIGKILL');
        }
      },
      ...(mode === 'managed'
        ? {
            says: [/Last change \d+ s ago, started/m],
            pageSays: [/^ {2}pass .*started.*SIGKILL/m],
            mend: async () => {},
            isOver: true,
          }
        : { says: [/^! not ready +HAProxy does not answer: \S/m, /-> start HAProxy/], mend: start }),
    },
    {
      name: 'an old template',
      begin: () => writeFile(template, OLD_TEMPLATE),
      says: [
        /^! template +.*haproxy\.cfg\.njk, line 1: ./m,
        /-> mend .*pointsman render --dry-run --validate/,
      ],
      mend: () => writeFile(template, TEMPLATE),
    },
  ];
}
