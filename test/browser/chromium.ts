import { existsSync } from 'node:fs';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

/** Where Debian and others have it. */
const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** A browser of the tests: no window, nothing of the user's. */
export interface TestBrowser extends AsyncDisposable {
  /** Opens a page of its own; whatever throws or is refused there is kept in `complaints`. */
  open(
    url: string,
    options?: BrowserContextOptions,
  ): Promise<{ readonly page: Page; readonly complaints: readonly string[] }>;
}

/** Starts Chromium. */
export async function startChromium(): Promise<TestBrowser> {
  const executablePath = PLACES.find(existsSync);
  if (executablePath === undefined) {
    throw new Error('no Chromium here: npm run setup installs it');
  }
  // As root, and in containers, its own sandbox is not to be had.
  const browser: Browser = await chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu', '--disable-crash-reporter'],
    timeout: 60_000,
  });
  return {
    async open(url, options = {}) {
      const context = await browser.newContext({ reducedMotion: 'reduce', ...options });
      const page = await context.newPage();
      page.setDefaultTimeout(30_000);
      const complaints: string[] = [];
      page.on('pageerror', (error) => complaints.push(String(error)));
      page.on('console', (message) => {
        if (message.type() === 'error' || message.type() === 'warning') {
          complaints.push(message.text());
        }
      });
      page.on('dialog', (dialog) => {
        complaints.push(`a dialog: ${dialog.message()}`);
        void dialog.dismiss();
      });
      await page.goto(url, { waitUntil: 'domcontentloaded', timeout: 60_000 });
      return { page, complaints };
    },
    [Symbol.asyncDispose]: () => browser.close(),
  };
}
