/** A page of Markdown, as far as tests look at it. */
export interface Page {
  /** Where links lead: `cli.md#route`, `#flags`, `images/a.png`, `https://…`. */
  readonly links: readonly string[];
  /** What can stand behind a `#`: its headings by GitHub's rules, and the ids of its HTML. */
  readonly anchors: ReadonlySet<string>;
  /** How many lines of 120 letters one reads before the first block of code, table or picture; null where none comes. */
  readonly linesBeforeExample: number | null;
}

const WIDTH = 120;

/** Reads what tests ask of a page: links in its text and its HTML, not in code. */
export function readPage(markdown: string): Page {
  const text = markdown.replace(/^( *)(```+|~~~+)[^\n]*\n[\s\S]*?^\1\2 *$/gm, '');
  const headings = [...text.matchAll(/^#{1,6} +(.+?)(?: +#+)?$/gm)].map(([, heading = '']) => heading);
  const ids = [...text.matchAll(/<[a-z][^>]*\s(?:id|name)="([^"]+)"/g)].map(([, id = '']) => id);
  const words = text.replace(/(`+)(?!`)[\s\S]*?[^`]\1(?!`)/g, '');
  const links = [
    ...words.matchAll(/\]\(\s*<?([^\s)>]+)>?(?:\s+"[^"]*")?\s*\)/g),
    ...words.matchAll(/^\[[^\]]+\]:\s*(\S+)/gm),
    ...words.matchAll(/<[a-z][^>]*?\s(?:href|src|srcset)="([^"\s]+)/g),
  ].map(([, link = '']) => link);
  return { links, anchors: new Set([...slugsOf(headings), ...ids]), linesBeforeExample: before(markdown) };
}

/** What GitHub makes of headings: letters, digits, `-` and `_` stay, spaces become `-`, the second of a name is `name-1`. */
function slugsOf(headings: readonly string[]): readonly string[] {
  const taken = new Map<string, number>();
  return headings.map((heading) => {
    const slug = heading
      .replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
      .replace(/(?<![\w`])([*_]{1,2})(?=\S)([^`]*?\S)\1(?!\w)/g, '$2')
      .trim()
      .toLowerCase()
      .replace(/[^\p{L}\p{M}\p{N}\p{Pc} -]/gu, '')
      .replaceAll(' ', '-');
    const count = taken.get(slug) ?? 0;
    taken.set(slug, count + 1);
    return count === 0 ? slug : `${slug}-${count}`;
  });
}

function before(markdown: string): number | null {
  const lines = markdown.split('\n');
  const first = lines.findIndex(
    (line, at) =>
      /^ *(```|~~~|\||!\[|<picture|<img)/.test(line) ||
      (/^ {4}\S/.test(line) && lines[at - 1]?.trim() === ''),
  );
  return first === -1
    ? null
    : lines.slice(0, first).reduce((sum, line) => sum + Math.max(1, Math.ceil(line.length / WIDTH)), 0);
}
