import { afterAll, beforeAll, expect, test } from 'vitest';
import { SAMPLES } from '../status/sample-events.ts';
import { samplePass } from '../status/sample-pass.ts';
import { startChromium, type TestBrowser } from './chromium.ts';
import { sampleEntry, sampleInstance, sampleService, startFalseDaemon } from './false-daemon.ts';

const SEEN = { timeout: 60_000 };
/** What runs where a text becomes part of the page, in an element, an attribute, a style, a script or an address. */
const EVIL =
  '"\'><img src=x onerror=pwned()></script><script>pwned()</script><svg onload=pwned()><a href="javascript:pwned()">x</a>\\u0022';
/** What the page is made of. */
const OWN = new Set(
  'A,ADDRESS,BODY,BUTTON,CODE,DD,DEL,DETAILS,DIV,DL,DT,FIELDSET,FOOTER,FORM,H1,H2,H3,HEAD,HEADER,HTML,INPUT,INS,KBD,LABEL,LEGEND,LI,LINK,MAIN,META,NAV,OL,OPTION,OUTPUT,P,PRE,rect,SCRIPT,SEARCH,SECTION,SELECT,SMALL,SPAN,STRONG,STYLE,SUMMARY,svg,TABLE,TBODY,TD,TH,THEAD,TIME,TITLE,TR,UL'.split(
    ',',
  ),
);

/** Words by which a value is told from others: they stay as they are. */
const KINDS = new Set(['kind', 'time']);

/** The same with every text in it another one: evil, with a number of its own. */
function poisoned<T>(value: T, told: string[]): T {
  if (typeof value === 'string') {
    const text = `${EVIL}#${told.length}#`;
    told.push(text);
    return text as T;
  }
  if (Array.isArray(value)) {
    return value.map((one) => poisoned(one, told)) as T;
  }
  if (value instanceof Map || typeof value !== 'object' || value === null) {
    return value;
  }
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [name, KINDS.has(name) ? one : poisoned(one, told)]),
  ) as T;
}

/** Names are parts of keys: they hold no slash. */
function nameless(told: string[]): string {
  return poisoned('x', told).replaceAll('/', '|');
}

let browser: TestBrowser;
beforeAll(async () => {
  browser = await startChromium();
});
afterAll(() => browser[Symbol.asyncDispose]());

test('whatever stands in a value, a name, a message, a diff or the address is shown as text, and nothing of it runs', async () => {
  const told: string[] = [];
  const instance = (state: 'held' | 'registered') => ({
    ...poisoned(sampleInstance('web', 'a', 'x', { why: 'x', tags: ['x'], state: 'held' }), told),
    ...{ state, id: nameless(told), running: state === 'held' },
  });
  const service = {
    ...poisoned({ ...sampleService('web', []), paths: ['/x'], mode: 'http' as const }, told),
    name: nameless(told),
    instances: [instance('held'), instance('registered')],
  };
  const [first, second] = [poisoned(sampleEntry(2, { words: ['x'], error: 'x' }), told), sampleEntry(1)];
  await using daemon = await startFalseDaemon({
    services: [service],
    entries: [first, poisoned(second, told)],
    host: poisoned('x', told),
    socket: poisoned('x', told),
  });
  const events = { ...SAMPLES };
  const without = new Set(['crashed', 'stopped', 'stopping', 'resumed', 'hand-edit']);
  const reset = /-(?:over|gone|mended|released|let-go)$|^haproxy-(?:log|exited)$/;
  for (const event of Object.values(events)) {
    if (!without.has(event.kind) && !reset.test(event.kind)) {
      daemon.tell(poisoned(event, told));
    }
  }
  daemon.tell(
    { ...SAMPLES['hand-edit'], path: EVIL, kept: `${EVIL}#kept#` },
    poisoned({ ...SAMPLES['haproxy-away'], cause: 'x' }, told),
    poisoned(samplePass({ error: 'x', outcome: 'refused' }), told),
    poisoned(samplePass({ liveMs: 9 }), told),
  );
  const evil = encodeURIComponent(EVIL);
  const asked = new URLSearchParams({ q: EVIL, state: EVIL, sort: EVIL, entry: EVIL, open: EVIL });
  for (const search of [
    '',
    `?${asked}`,
    `?open=${evil}&${evil}=${evil}#${evil}`,
    `?open=${encodeURIComponent(service.name)}&entry=2`,
  ]) {
    // Without the policy that would stop it: what is shown must be harmless by itself.
    const { page, complaints } = await browser.open('about:blank', { bypassCSP: true });
    let ran = 0;
    await page.exposeFunction('pwned', () => {
      ran += 1;
    });
    await page.goto(`${daemon.url}/${search}`);
    await page.locator('#host').filter({ hasText: '<img src=x' }).waitFor(SEEN);
    if (search.includes('entry=2')) {
      await page.locator('.inside .locked').waitFor(SEEN);
      await page.locator('.row td').first().waitFor(SEEN);
    }
    const seen = await page.evaluate(() => ({
      tags: [...new Set([...document.querySelectorAll('*')].map(({ tagName }) => tagName))],
      scripts: document.scripts.length,
      handlers: [...document.querySelectorAll('*')].flatMap((one) =>
        one.getAttributeNames().filter((name) => name.startsWith('on')),
      ),
      links: [...document.querySelectorAll('a')].map((one) => one.protocol),
      title: document.title,
      text: document.body.innerText,
      hints: [...document.querySelectorAll('[title]')].map((one) => one.getAttribute('title')),
    }));
    expect(seen.tags.filter((tag) => !OWN.has(tag))).toEqual([]);
    expect([seen.scripts, seen.handlers]).toEqual([1, []]);
    expect(new Set(seen.links)).toEqual(new Set(['http:']));
    expect(seen.title).toContain('<img src=x onerror=pwned()>');
    if (search.includes('entry=2')) {
      const shown = new Set(
        [...`${seen.text}${seen.hints.join()}`.matchAll(/#(\d+|kept)#/g)].map(([, at]) => at),
      );
      // Of all that a daemon can say most is on this page at once.
      expect(shown.size).toBeGreaterThan(40);
      expect(shown).toContain('kept');
    }
    expect([ran, complaints]).toEqual([0, []]);
    await page.context().close();
  }
}, 180_000);
