import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';

/** The page as it is sent, and what it may load: nothing but itself. */
export interface PageText {
  readonly html: string;
  /** Its `Content-Security-Policy`. */
  readonly policy: string;
}

/** Puts the page together from the files of `browser/`: one text, so that one answer shows it. */
export async function readPage(): Promise<PageText> {
  const read = (name: string) => readFile(new URL(`browser/${name}`, import.meta.url), 'utf8');
  const [frame, css, js] = await Promise.all(['page.html', 'page.css', 'page.js'].map(read));
  if (frame === undefined || css === undefined || js === undefined) {
    throw new Error('three files were read');
  }
  const [style, script] = [`\n${css}`, `\n${js}`];
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

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('base64');
}
