import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import path from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FEED_LIMITS } from '../../src/page/feed.ts';
import { SAMPLES } from '../status/sample-events.ts';
import { samplePass } from '../status/sample-pass.ts';
import { tempFolder, waitFor } from '../support/haproxy.ts';
import { startChromium, type TestBrowser } from './chromium.ts';
import { forwardTo, sampleEntry, sampleInstance, sampleService, startFalseDaemon } from './false-daemon.ts';

const AXE = readFileSync(new URL('../../node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');
const SEEN = { timeout: 30_000 };
const TOKEN = 'a-token-of-more-than-16-characters';
const SERVICES = [
  sampleService('blog', ['a', 'b', 'c']),
  sampleService('mail', ['a']),
  { ...sampleService('web', []), instances: [sampleInstance('web', 'x', '10.9.9.9:80', { status: 'DOWN' })] },
];

const has = (page: Page, selector: string, text: string | RegExp) =>
  page.locator(selector).filter({ hasText: text }).first().waitFor(SEEN);
const names = (page: Page) => page.locator('.row .name').allTextContents();
const query = (page: Page) => new URL(page.url()).search;

let browser: TestBrowser;
beforeAll(async () => {
  browser = await startChromium();
});
afterAll(() => browser[Symbol.asyncDispose]());

describe('somebody who looks', () => {
  test('gets about by the keyboard; what is searched, sorted and opened stands in the address, and the way back leads back', async () => {
    await using daemon = await startFalseDaemon({
      services: SERVICES,
      entries: [sampleEntry(2), sampleEntry(1)],
    });
    const { page, complaints } = await browser.open(daemon.url);
    await has(page, '#link', 'live');
    expect(await names(page)).toEqual(['web', 'blog', 'mail']);
    await page.keyboard.press('j');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await has(page, '.row[data-service="blog"] tr', '/services/blog/c');
    expect(query(page)).toBe('?open=blog');
    await page.keyboard.press('k');
    await page.keyboard.press('k');
    expect(await page.evaluate(() => document.activeElement?.textContent)).toContain('web');
    await page.keyboard.press('w');
    await expect.poll(() => names(page), SEEN).toEqual(['web']);
    expect(query(page)).toBe('?state=wrong&open=blog');
    await page.keyboard.press('Escape');
    await expect.poll(() => names(page), SEEN).toEqual(['web', 'blog', 'mail']);
    await page.keyboard.press('/');
    await page.keyboard.type('10.0.2');
    await expect.poll(() => names(page), SEEN).toEqual(['blog']);
    expect(query(page)).toBe('?q=10.0.2&open=blog');
    await page.keyboard.press('Escape');
    await page.keyboard.press('Escape');
    expect(await page.evaluate(() => document.activeElement === document.body)).toBe(true);
    await page.locator('#sort').selectOption('size');
    await expect.poll(() => names(page), SEEN).toEqual(['blog', 'mail', 'web']);
    expect(query(page)).toBe('?sort=size&open=blog');
    await page.locator('[data-entry="1"] summary').focus();
    await page.keyboard.press('k');
    await page.keyboard.press('Enter');
    await has(page, '[data-entry="2"] .inside', 'web: +s2');
    expect(query(page)).toBe('?sort=size&entry=2&open=blog');
    await page.keyboard.press('Escape');
    await page.locator('[data-entry="2"] .inside dl').waitFor({ ...SEEN, state: 'detached' });

    // What was typed is one step.
    for (const [search, shown] of [
      ['?sort=size&entry=2&open=blog', ['blog', 'mail', 'web']],
      ['?sort=size&open=blog', ['blog', 'mail', 'web']],
      ['?open=blog', ['web', 'blog', 'mail']],
      ['?q=10.0.2&open=blog', ['blog']],
      ['?open=blog', ['web', 'blog', 'mail']],
      ['?state=wrong&open=blog', ['web']],
      ['?open=blog', ['web', 'blog', 'mail']],
      ['', ['web', 'blog', 'mail']],
    ] as const) {
      await page.goBack();
      await expect.poll(() => names(page), SEEN).toEqual(shown);
      expect(query(page)).toBe(search);
    }
    expect(await page.locator('details[open]').count()).toBe(0);
    await page.goForward();
    await has(page, '.row[data-service="blog"] tr', '/services/blog/c');
    const { page: other } = await browser.open(`${daemon.url}/?q=MAIL&sort=name&open=mail&entry=1`);
    await has(other, '.row[data-service="mail"] tr', '/services/mail/a');
    await has(other, '[data-entry="1"] .inside', 'web: +s1');
    expect([await names(other), await other.locator('#sort').inputValue()]).toEqual([['mail'], 'name']);
    expect(complaints).toEqual([]);
  }, 120_000);

  test('opens what happened: everybody sees what, why and how long; the diff whoever shows the token or comes by the socket, others what to do', async () => {
    await using folder = await tempFolder();
    const [tokenFile, socket] = [path.join(folder.path, 'token'), path.join(folder.path, 'status.sock')];
    await writeFile(tokenFile, TOKEN);
    const entries = Array.from({ length: 30 }, (_, at) => sampleEntry(30 - at));
    const refused = sampleEntry(31, {
      ...{ outcome: 'refused', error: 'haproxy refuses it', steps: { check: 41.2 } },
      words: ['haproxy refuses the configuration:\n[ALERT] unknown keyword \u202e<b>no-such-word</b>'],
    });
    await using daemon = await startFalseDaemon({ entries: [refused, ...entries], tokenFile, socket });
    const { page, complaints } = await browser.open(`${daemon.url}/?entry=2`);
    // An older one that a link names is there, too.
    await has(page, '[data-entry="2"] .inside', '/services/web/a');
    expect(await page.locator('.diff').count()).toBe(0);
    await has(page, '[data-entry="2"] .locked', `ssh -L ${new URL(daemon.url).port}:${socket} HOST`);
    await page.locator('[data-entry="31"] summary').click();
    const opened = page.locator('[data-entry="31"] .inside');
    for (const text of ['unknown keyword \\u202e<b>no-such-word</b>', 'check 41 ms', 'team-web', '831']) {
      await opened.filter({ hasText: text }).waitFor(SEEN);
    }
    await page.locator('.locked a').click();
    await page.locator('#token').fill('wrong-wrong-wrong-wrong');
    await page.keyboard.press('Enter');
    await has(page, '#refused', 'who shows the token');
    await page.locator('#token').fill(TOKEN);
    await page.keyboard.press('Enter');
    await has(page, '[data-entry="31"] .diff ins', '+  server s31 10.0.0.2:80 check');
    await has(page, '[data-entry="31"] .diff del', '-  server old 10.0.0.1:80');
    // The cookie goes on.
    await page.reload();
    await has(page, '[data-entry="31"] .diff ins', '+  server s31');
    expect(await page.locator('#login').isVisible()).toBe(false);
    await page.locator('#older').click();
    await has(page, '.passes .what', 'web: +s1');
    await page.locator('#older').waitFor({ ...SEEN, state: 'hidden' });
    daemon.shown.entries = [sampleEntry(32), refused, ...entries];
    daemon.tell(samplePass());
    await has(page, '[data-entry="32"] .what', 'web: +s32');
    expect(await page.locator('.passes li').count()).toBe(32);

    await using _socket = await daemon.answerOn(socket);
    await using tunnel = await forwardTo(socket);
    const { page: bySocket } = await browser.open(`${tunnel.url}/?entry=31`);
    await has(bySocket, '[data-entry="31"] .diff ins', '+  server s31');
    expect(await bySocket.locator('#login').isVisible()).toBe(false);
    expect(await bySocket.locator('#config').isVisible()).toBe(true);
    // A page of elsewhere cannot come by it under its own name.
    const { promise, resolve, reject } = Promise.withResolvers<number | undefined>();
    request({ socketPath: socket, path: '/config', headers: { host: 'evil.example.com' } }, (answer) =>
      resolve(answer.resume().statusCode),
    )
      .on('error', reject)
      .end();
    expect(await promise).toBe(421);
    expect(complaints.filter((text) => !text.includes('401'))).toEqual([]);
    await bySocket.context().close();

    await using closed = await startFalseDaemon({ entries });
    const { page: without } = await browser.open(`${closed.url}/?entry=30`);
    await has(without, '.locked', 'set status.tokenFile and show that token');
    expect(await without.locator('#login').isVisible()).toBe(false);
  }, 120_000);

  test('is told where sixteen others look already, sees all the same what is now, and follows as soon as there is room', async () => {
    await using daemon = await startFalseDaemon({ services: SERVICES });
    const others = await Promise.all(
      Array.from({ length: 16 }, async () => {
        const end = new AbortController();
        await fetch(`${daemon.url}/api/events`, { signal: end.signal });
        return end;
      }),
    );
    const { page } = await browser.open(daemon.url);
    await has(page, '#link', /too many follow: asked every 5 s, as of \d\d:\d\d:\d\d/);
    expect(await names(page)).toEqual(['web', 'blog', 'mail']);
    daemon.shown.services = [sampleService('another', ['a'])];
    await expect.poll(() => names(page), SEEN).toEqual(['another']);
    others[0]?.abort();
    await has(page, '#link', /^live$/);
    for (const other of others) {
      other.abort();
    }
  }, 120_000);

  test('is told as of when it knows where nothing comes any more, and that it follows again', async () => {
    await using folder = await tempFolder();
    const socket = path.join(folder.path, 's');
    await using daemon = await startFalseDaemon({ services: SERVICES });
    const first = await daemon.answerOn(socket);
    await using tunnel = await forwardTo(socket);
    const { page } = await browser.open('about:blank');
    await page.clock.install();
    await page.goto(tunnel.url);
    await has(page, '#link', /^live$/);
    await first[Symbol.asyncDispose]();
    await has(page, '#link', /^connection lost, as of \d\d:\d\d:\d\d$/);
    await waitFor(() => page.evaluate(() => document.body.dataset.lost !== undefined), SEEN);
    await using _again = await daemon.answerOn(socket);
    await has(page, '#link', /^live$/);
    // Where it is silent for longer than two signs of life, too.
    tunnel.hold();
    await page.clock.fastForward(2 * FEED_LIMITS.beat);
    await has(page, '#link', /^live$/);
    await page.clock.fastForward(8_000);
    await has(page, '#link', /^connection lost, as of/);
  }, 120_000);

  test('meets no hindrance of WCAG AA, light or dark, on a phone as on a desk, with a diff or without', async () => {
    await using folder = await tempFolder();
    const tokenFile = path.join(folder.path, 'token');
    await writeFile(tokenFile, TOKEN);
    const state = (id: string, change: Parameters<typeof sampleInstance>[3]) =>
      sampleInstance('shop', id, '10.0.0.1:80', change);
    const shop = {
      ...sampleService('shop', []),
      instances: [
        state('held', { state: 'held', why: 'emptied' }),
        state('kept', { state: 'kept', why: 'no port' }),
        state('aside', { state: 'set aside', status: null, address: null }),
        state('drained', { status: 'DRAIN', drain: true, backup: true }),
        state('absent', { running: false, status: 'no check' }),
      ],
    };
    const entries = [sampleEntry(2, { words: ['somebody said this'] }), sampleEntry(1, { error: 'x' })];
    await using daemon = await startFalseDaemon({
      services: [...SERVICES, shop],
      entries,
      tokenFile,
      socket: '/s',
    });
    daemon.tell(
      SAMPLES.starting,
      SAMPLES['keys-kept'],
      SAMPLES['keys-held'],
      SAMPLES.paused,
      SAMPLES['set-by-hand'],
    );
    daemon.tell(SAMPLES['hand-edit'], samplePass({ liveMs: 9, outcome: 'runtime' }), samplePass());
    for (const [width, colorScheme, mayRead] of [
      [390, 'dark', true],
      [1200, 'dark', false],
      [390, 'light', false],
      [1200, 'light', true],
    ] as const) {
      const { page } = await browser.open('about:blank', {
        ...{ colorScheme, viewport: { width, height: 900 }, bypassCSP: true },
      });
      await page.goto(`${daemon.url}${mayRead ? `/login?token=${TOKEN}` : '/'}`);
      await page.goto(`${daemon.url}/?open=web&open=shop&entry=2`);
      await has(page, '.row[data-service="shop"] tr', 'kept');
      await page.locator(mayRead ? '.diff ins' : '.locked').waitFor(SEEN);
      await page.addScriptTag({ content: AXE });
      const found = await page.evaluate(async () => {
        const { axe } = window as unknown as {
          axe: {
            run(options: object): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }>;
          };
        };
        const { violations } = await axe.run({
          runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'],
        });
        return violations.map(
          ({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(' ')}`,
        );
      });
      expect([width, colorScheme, found]).toEqual([width, colorScheme, []]);
      expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
      // On a phone nothing is squeezed to a column of letters.
      expect(
        await page.evaluate(() =>
          [...document.querySelectorAll('.row td:not(:empty)')]
            .map((one) => one.clientWidth)
            .filter((px) => px < 40),
        ),
      ).toEqual([]);
      await page.context().close();
    }
  }, 180_000);

  test('finds one of 1,000 services; the last one is there, and a change of one costs what changed alone', async () => {
    const all = Array.from({ length: 1_000 }, (_, at) => sampleService(`service-${at}`, ['a', 'b', 'c']));
    await using daemon = await startFalseDaemon({ services: all });
    const { page, complaints } = await browser.open('about:blank');
    const wire = await page.context().newCDPSession(page);
    const sent = { bytes: 0 };
    await wire.send('Network.enable');
    wire.on('Network.dataReceived', ({ dataLength }) => {
      sent.bytes += dataLength;
    });
    await page.goto(daemon.url);
    await has(page, '#services-title', 'Services (1000)');
    await expect.poll(() => page.locator('.row').count(), SEEN).toBe(1_000);
    expect(sent.bytes).toBeLessThan(700_000);
    await page.locator('.row[data-service="service-999"]').scrollIntoViewIfNeeded();
    await page.locator('.row[data-service="service-999"] summary').click();
    await has(page, '.row[data-service="service-999"] tr', '/services/service-999/c');
    await page.locator('#q').fill('service-77');
    await expect.poll(() => page.locator('.row').count(), SEEN).toBe(11);
    sent.bytes = 0;
    const [first, ...others] = all;
    const changed = sampleInstance('service-0', 'a', '10.9.9.9:80', { status: 'DOWN' });
    daemon.shown.services = first
      ? [{ ...first, instances: [changed, ...first.instances.slice(1)] }, ...others]
      : [];
    daemon.tell(samplePass());
    await has(page, '[data-label="DOWN"]', '10.9.9.9:80');
    // The figures of what is opened are asked for meanwhile.
    expect(sent.bytes).toBeLessThan(10_000);
    expect(complaints).toEqual([]);
  }, 120_000);
});
