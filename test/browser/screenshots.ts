/**
 * Makes the pictures of the page that the docs show, in docs/images: npm run screenshots. With --to FOLDER elsewhere.
 */

import { mkdir } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { waitFor } from '../support/haproxy.ts';
import { startChromium } from './chromium.ts';
import { forwardTo } from './false-daemon.ts';
import { startWorld } from './world.ts';

const { to } = parseArgs({ options: { to: { type: 'string' } } }).values;
const folder = to ?? fileURLToPath(new URL('../../docs/images/', import.meta.url));
const DESKTOP = { width: 1200, height: 900 };
const PHONE = { width: 390, height: 844 };
const MOST_HEIGHT = 3_000;
const NAMES = [
  'accounts',
  'blog',
  'cart',
  'catalog',
  'checkout',
  'images',
  'mail',
  'orders',
  'payments',
  'search',
];

await mkdir(folder, { recursive: true });
await using world = await startWorld({}, { vars: { domain: 'example.com' } });
await using browser = await startChromium();
const { etcd, url } = world;
// Every address of 127/8 is this host's.
const backend = createServer((_, answer) => answer.end('hello\n'));
await new Promise<void>((resolve) => backend.listen(0, '0.0.0.0', resolve));
const { port } = backend.address() as AddressInfo;
let at = 0;
for (const name of NAMES) {
  for (const id of ['node1', 'node2', 'node3'].slice(0, 1 + (name.length % 3))) {
    at += 1;
    await etcd.put(`/services/${name}/${id}`, `127.0.${at}.1:${port}`);
  }
}
await etcd.put('/routes/checkout', JSON.stringify({ hosts: ['shop.example.com'], paths: ['/checkout'] }));
await world.daemon.ready();
for (const weight of [10, 20, 30, 40, 50, 60, 70, 80]) {
  await etcd.put('/services/cart/node9', JSON.stringify({ host: '127.0.99.1', port, weight }));
  await waitFor(async () => (await text('/api/status')).includes(weight === 10 ? '+node9' : `-> ${weight}`), {
    timeout: 30_000,
  });
}

await etcd.put('/services/search/node2', '127.0.88.1:1');
await etcd.put('/services/mail/node1', 'mail.example.com');
await etcd.put('/services/orders/node7', '{"host":"10.0.0.7","port":"http"}');
await etcd.delete('/services/catalog/node1');
await etcd.delete('/services/catalog/node2');
await waitFor(async () => (await text('/api/services')).includes('"status":"DOWN"'), { timeout: 30_000 });
const query = '?open=search';
const { entries } = JSON.parse(await text('/api/history')) as {
  entries: { number: number; outcome: string; changes: string[] }[];
};
const told = entries.find(({ outcome }) => outcome === 'runtime')?.number;
await using socket = await forwardTo(path.join(world.site.folder, 'state', 'status.sock'));
await picture('status-page-wrong', { viewport: DESKTOP, colorScheme: 'light' }, query);
await picture('status-page-wrong-dark', { viewport: DESKTOP, colorScheme: 'dark' }, query);
await picture(
  'status-page-phone',
  { viewport: PHONE, colorScheme: 'light', isMobile: true, deviceScaleFactor: 1 },
  query,
);
await picture(
  'status-page-diff',
  { viewport: DESKTOP, colorScheme: 'light' },
  `?q=search&entry=${told}`,
  socket.url,
);
await picture(
  'status-page-phone-dark',
  { viewport: PHONE, colorScheme: 'dark', isMobile: true, deviceScaleFactor: 1 },
  `?q=search&entry=${told}`,
  socket.url,
);

async function picture(name: string, options: object, query = '', from = url): Promise<void> {
  const { page } = await browser.open(`${from}/${query}`, options);
  await page.locator('.passes li').first().waitFor();
  await page.waitForFunction(() => document.querySelector('#sentence')?.textContent?.startsWith('Serving'));
  // HAProxy's checks and the figures of what is open.
  await page.waitForTimeout(1_500);
  // The pictures are of no machine in particular.
  const { folder: here, configPath } = world.site;
  await page.evaluate(
    (instead) => {
      document.getElementById('host')?.replaceChildren('node1.example.com');
      const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
      for (let one = texts.nextNode(); one; one = texts.nextNode()) {
        for (const [what, by] of instead) {
          one.nodeValue = one.nodeValue?.replaceAll(what, by) ?? '';
        }
      }
    },
    [
      [configPath, '/etc/haproxy/haproxy.cfg'],
      [here, '/var/lib/pointsman'],
      [fileURLToPath(new URL('../../templates/', import.meta.url)), '/opt/pointsman/templates/'],
      [etcd.endpoint, 'http://127.0.0.1:2379'],
    ] as const,
  );
  // What is not seen has no text: so all is to be seen.
  const height = await page.evaluate(() => document.documentElement.scrollHeight);
  await page.setViewportSize({
    width: page.viewportSize()?.width ?? 0,
    height: Math.min(height, MOST_HEIGHT),
  });
  await page.waitForTimeout(300);
  await page.screenshot({ path: path.join(folder, `${name}.png`) });
  await page.context().close();
}

async function text(what: string): Promise<string> {
  return (await fetch(url + what)).text();
}
backend.closeAllConnections();
backend.close();
