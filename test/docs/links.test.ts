import { globSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { packedFiles } from './packed-files.ts';
import { type Page, readPage } from './read-page.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

const pages = new Map<string, Page>(
  globSync(['*.md', 'docs/**/*.md', 'examples/**/*.md'], { cwd: root })
    .toSorted()
    .map((name) => [name, readPage(readFileSync(path.join(root, name), 'utf8'))]),
);

interface Link {
  readonly page: string;
  readonly link: string;
  /** The file that it leads to, from the root of the source tree; a folder without its slash. */
  readonly target: string;
  readonly anchor: string | undefined;
}

const links: readonly Link[] = [...pages].flatMap(([page, { links }]) =>
  links
    .filter((link) => !/^[a-z]+:/.test(link))
    .map((link) => {
      const [file = '', anchor] = link.split('#');
      const target = file === '' ? page : path.posix.join(path.posix.dirname(page), decodeURI(file));
      return { page, link, target: target.replace(/\/$/, ''), anchor };
    }),
);

const withoutComments = (source: string) => source.replace(/\/\*\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');

/** Every page, and part of one, that a text of src names, such as a hint. */
const hints: readonly Link[] = globSync('src/**/*.{ts,js,html}', { cwd: root }).flatMap((file) =>
  [
    ...withoutComments(readFileSync(path.join(root, file), 'utf8')).matchAll(
      /\b(docs\/[\w/-]+\.(?:md|yaml))(?:#([\w-]+))?/g,
    ),
  ].map(([link, target = '', anchor]) => ({ page: file, link, target, anchor })),
);

const said = ({ page, link }: Link) => `${page}: ${link}`;
const isThere = (name: string) => statSync(path.join(root, name), { throwIfNoEntry: false }) !== undefined;

test('readPage() makes of headings what GitHub makes of them, and sees no links in code', () => {
  const { anchors, links } = readPage(
    [
      '# The way, of a `key_name`: _1_ + **2**',
      '## Twice',
      '## Twice',
      '## See [this](there.md)',
      '```',
      '# no [heading](nowhere.md)',
      '```',
      'a [link](a.md#b), `[none](b.md)`, [![picture](p.png)](c.md "title") <img alt="x" src="d.png">',
    ].join('\n'),
  );
  expect([...anchors]).toEqual(['the-way-of-a-key_name-1--2', 'twice', 'twice-1', 'see-this']);
  expect(links).toEqual(['there.md', 'a.md#b', 'p.png', 'c.md', 'd.png']);
});

describe('README, the changelog, docs and examples', () => {
  test('each link leads to a file or a folder that is there', () => {
    expect(pages.size).toBeGreaterThan(50);
    expect(links.length).toBeGreaterThan(300);
    expect(links.filter(({ target }) => !isThere(target)).map(said)).toEqual([]);
  });

  test('each link to a part of a page leads to a heading of it', () => {
    const anchored = links.filter(({ anchor }) => anchor !== undefined);
    expect(anchored.length).toBeGreaterThan(100);
    expect(
      anchored
        .filter(({ target, anchor = '' }) => !pages.get(target)?.anchors.has(decodeURIComponent(anchor)))
        .map(said),
    ).toEqual([]);
  });

  test('each page of docs is in the index, and README names the index', () => {
    const indexed = new Set(links.filter(({ page }) => page === 'docs/index.md').map(({ target }) => target));
    const others = [...pages.keys()].filter((page) => /^docs\/[^/]+$/.test(page) && page !== 'docs/index.md');
    expect(others.filter((page) => !indexed.has(page))).toEqual([]);
    expect(links.map(said)).toContain('README.md: docs/index.md');
  });

  test('each decision is named by another page', () => {
    const named = new Set(links.filter(({ page, target }) => page !== target).map(({ target }) => target));
    expect(
      [...pages.keys()].filter((page) => page.startsWith('docs/decisions/') && !named.has(page)),
    ).toEqual([]);
  });
});

test('each page that a hint names is there, with the part that it names', () => {
  expect(hints.map(({ target }) => target)).toContain('docs/settings.md');
  const isWrong = ({ target, anchor }: Link) =>
    !isThere(target) || (anchor !== undefined && !pages.get(target)?.anchors.has(anchor));
  expect(hints.filter(isWrong).map(said)).toEqual([]);
});

test('the image has all of the pages but their pictures, and what they name', () => {
  const dockerfile = readFileSync(path.join(root, 'Dockerfile'), 'utf8');
  expect(dockerfile).toMatch(/^COPY docs \/opt\/pointsman\/docs$/m);
  expect(dockerfile).toMatch(/^COPY examples \/opt\/pointsman\/examples$/m);
  expect(dockerfile).toMatch(/^COPY LICENSE README.md CHANGELOG.md CONTRIBUTING.md \/opt\/pointsman\/$/m);
});

test('in the npm package each link and each hint leads to what is in the package, too', async () => {
  const packed = await packedFiles();
  const folders = new Set(
    [...packed].flatMap((name) => name.split('/').map((_, at, parts) => parts.slice(0, at).join('/'))),
  );
  expect(packed).toContain('docs/operations.md');
  const shipped = links.filter(({ page }) => packed.has(page));
  expect(shipped.length).toBeGreaterThan(200);
  expect(
    [...shipped, ...hints].filter(({ target }) => !packed.has(target) && !folders.has(target)).map(said),
  ).toEqual([]);
}, 60_000);

test.each([...pages.keys()].filter((page) => page === 'README.md' || /^docs\/[^/]+$/.test(page)))(
  '%s has at most one screen before the first example',
  (page) => {
    expect(pages.get(page)?.linesBeforeExample).toBeLessThanOrEqual(25);
  },
);
