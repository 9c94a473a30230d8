import { sectionLines, takePicture } from './picture.ts';
import type { Line } from './section-lines.ts';

/** The lines of all `global` sections, in the order of the text, as HAProxy takes them apart. */
export function globalLines(text: string): readonly Line[] {
  const picture = takePicture(text);
  return picture.sections.flatMap(({ kind }, index) =>
    kind === 'global' ? sectionLines(picture, index).body : [],
  );
}

/** The paths of the unix sockets that `stats socket` lines open; those of other kinds are left out. */
export function statsSocketPaths(text: string): readonly string[] {
  let prefix = '';
  const paths: string[] = [];
  for (const { words } of globalLines(text)) {
    const [first, second, third = ''] = words;
    if (first === 'unix-bind' && second === 'prefix') {
      prefix = third;
    }
    if (first !== 'stats' || second !== 'socket') {
      continue;
    }
    const path = unixPath(third, prefix);
    if (path !== null) {
      paths.push(path);
    }
  }
  return paths;
}

/** The absolute path of a unix socket in an address, behind the prefix of `unix-bind`; null for other addresses. */
export function unixPath(address: string, prefix: string): string | null {
  const path = address.replace(/^unix@/, '');
  const whole = prefix + path;
  return (path.startsWith('/') || path !== address) && whole.startsWith('/') ? whole : null;
}
