import { type Picture, sectionText } from './picture.ts';
import type { SectionLines } from './section-lines.ts';

const NAME_CHARACTER = /[A-Za-z0-9_.:-]/;

/** Whether lines other than its own name a server: HAProxy refuses to remove it then. */
export function isNamed(pictures: readonly Picture[], section: SectionLines, server: string): boolean {
  if (server === '') {
    return false;
  }
  const own = section.body
    .filter(({ words }) => mayName(words))
    .map(({ words }) => words.slice(words[0] === 'server' ? 3 : 1).join(' '));
  if (own.some((text) => holds(text, server))) {
    return true;
  }
  const full = `${section.header.words[1]}/${server}`;
  return pictures.some((picture) =>
    picture.sections.some(({ naming }, index) => naming && holds(sectionText(picture, index), full)),
  );
}

function mayName(words: readonly string[]): boolean {
  return words[0] === 'use-server' || words.includes('track') || words.some((word) => word.includes('srv_'));
}

/** Whether a name stands in a text, not as a part of a longer one. */
function holds(text: string, name: string): boolean {
  for (let at = text.indexOf(name); at !== -1; at = text.indexOf(name, at + 1)) {
    const around = [text.charAt(at - 1), text.charAt(at + name.length)];
    if (!around.some((c) => NAME_CHARACTER.test(c))) {
      return true;
    }
  }
  return false;
}
