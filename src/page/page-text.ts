import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { counted, span } from '../status/words.ts';

/** The page as it is sent, and what it may load: nothing but itself. */
export interface PageText {
  readonly html: string;
  /** Its `Content-Security-Policy`. */
  readonly policy: string;
}

/** What is in the script, what others import first. */
const SCRIPTS = ['elements.js', 'times.js', 'address.js', 'timeline.js', 'page.js'];
/** What of our own is in it, too. */
const SHARED = [span, counted];

/** Puts the page together from the files of `browser/`: one text, so that one answer shows it. */
export async function readPage(): Promise<PageText> {
  const read = (name: string) => readFile(new URL(`browser/${name}`, import.meta.url), 'utf8');
  const [frame, css, scripts] = await Promise.all([
    read('page.html'),
    read('page.css'),
    Promise.all(SCRIPTS.map(read)),
  ]);
  const [style, script] = [`\n${css}`, `\n${joined(scripts)}`];
  const html = frame
    .replace('<style></style>', () => `<style>${style}</style>`)
    .replace('<script type="module"></script>', () => `<script type="module">${script}</script>`);
  const policy = [
    "default-src 'none'",
    `script-src 'sha256-${sha256(script)}'`,
    `style-src 'sha256-${sha256(style)}'`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
  return { html, policy };
}

/** One script of all: what they import from each other, and from us, is in it. */
function joined(scripts: readonly string[]): string {
  const own = scripts
    .join('\n')
    .replace(/^import [^;]*;\n/gm, '')
    .replace(/^export /gm, '');
  return `${SHARED.map(String).join('\n')}\n${own}`;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('base64');
}
