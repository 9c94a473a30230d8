/**
 * Measures the page with 1,000 services of 3 instances in Chromium: node test/browser/measure.ts. Says how long the first paint
 * takes, how much goes over the wire, and how long frames are while somebody scrolls, searches and filters.
 */

import { parseArgs } from 'node:util';
import { samplePass } from '../status/sample-pass.ts';
import { startChromium } from './chromium.ts';
import { sampleEntry, sampleInstance, sampleService, startFalseDaemon } from './false-daemon.ts';

const { services: count = '1000' } = parseArgs({ options: { services: { type: 'string' } } }).values;
const IDS = ['node1', 'node2', 'node3'];
const services = Array.from({ length: Number(count) }, (_, at) =>
  sampleService(`service-${String(at).padStart(4, '0')}`, IDS),
);
const entries = Array.from({ length: 20 }, (_, at) => sampleEntry(20 - at));

await using daemon = await startFalseDaemon({ services, entries });
await using browser = await startChromium();
const { page } = await browser.open('about:blank', { viewport: { width: 1200, height: 900 } });
const wire = await page.context().newCDPSession(page);
let bytes = 0;
await wire.send('Network.enable');
wire.on('Network.dataReceived', ({ dataLength }) => {
  bytes += dataLength;
});
await page.goto(daemon.url);
await page.waitForFunction(() => document.querySelectorAll('.row').length > 0);
const drawn = await page.evaluate(() => ({
  paint: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? Number.NaN,
  drawn: performance.getEntriesByName('pointsman-drawn')[0]?.startTime ?? Number.NaN,
}));
await page.waitForFunction((all) => document.querySelectorAll('.row').length === all, services.length);
say('first paint', `${Math.round(drawn.paint)} ms`);
say('all that is seen at first', `${Math.round(drawn.drawn)} ms`);
say('over the wire until then', `${Math.round(bytes / 1000)} kB`);

await frames('nothing', async () => page.waitForTimeout(1_000));
await frames('scrolling through all', async () => {
  await page.mouse.move(600, 600);
  for (let turn = 0; turn < 60; turn += 1) {
    await page.mouse.wheel(0, 900);
    await page.waitForTimeout(16);
  }
});
await page.evaluate(() => scrollTo(0, 0));
await frames('typing a search', async () => {
  await page.keyboard.press('/');
  await page.keyboard.type('service-07', { delay: 80 });
});
await frames('taking it back', async () => {
  for (let turn = 0; turn < 10; turn += 1) {
    await page.keyboard.press('Backspace', { delay: 80 });
  }
});
await frames('another order', async () => {
  await page.locator('#sort').selectOption('name');
  await page.locator('#sort').selectOption('');
});
await page.waitForTimeout(1_000);
bytes = 0;
const CHANGES = 20;
await frames('20 changes', async () => {
  for (let turn = 0; turn < CHANGES; turn += 1) {
    const [first, ...others] = daemon.shown.services;
    if (!first) {
      return;
    }
    const one = sampleInstance(first.name, 'node1', `10.9.9.${turn}:80`);
    daemon.shown.services = [{ ...first, instances: [one, ...first.instances.slice(1)] }, ...others];
    daemon.shown.entries = [sampleEntry(21 + turn), ...daemon.shown.entries].slice(0, 20);
    daemon.tell(samplePass({ outcome: 'runtime', changes: [`${first.name}: node1 moved`], liveMs: 9 }));
    await page.locator(`[data-entry="${21 + turn}"]`).waitFor();
  }
});
say('over the wire for a change', `${Math.round(bytes / CHANGES)} B`);

/** Does something, and says how long the frames meanwhile were. */
async function frames(name: string, act: () => Promise<unknown>): Promise<void> {
  await page.evaluate(() => {
    const seen = { on: true, gaps: [] as number[], tasks: [] as number[] };
    Object.assign(window, { seen });
    new PerformanceObserver((list) =>
      seen.tasks.push(...list.getEntries().map(({ duration }) => duration)),
    ).observe({ entryTypes: ['longtask'] });
    let last = performance.now();
    const frame = (now: number) => {
      seen.gaps.push(now - last);
      last = now;
      if (seen.on) {
        requestAnimationFrame(frame);
      }
    };
    requestAnimationFrame(frame);
  });
  await act();
  const { gaps, tasks } = await page.evaluate(() => {
    const { seen } = window as unknown as { seen: { on: boolean; gaps: number[]; tasks: number[] } };
    seen.on = false;
    return seen;
  });
  const sorted = gaps.toSorted((a, b) => a - b);
  const at = (share: number) =>
    Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
  say(
    name,
    `${gaps.length} frames, half within ${at(0.5)} ms, 95% within ${at(0.95)} ms, longest ${at(1)} ms; ${tasks.length} tasks over 50 ms, longest ${Math.round(Math.max(0, ...tasks))} ms`,
  );
}

function say(what: string, text: string): void {
  process.stdout.write(`${what.padEnd(28)} ${text}\n`);
}
