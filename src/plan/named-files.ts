import { sectionLines, takePicture } from './picture.ts';

/** A file or a folder that a configuration names. */
export interface NamedFile {
  /** As it is written; relative to `crt-base` or `ca-base` where the text says one. */
  readonly path: string;
  /** It names files itself, one at the beginning of each line. */
  readonly isList: boolean;
}

/** Keywords before the name of a file, whatever line they stand in; so is each that ends in `-file`. */
const NAMING = new Set([
  'crt',
  'key',
  'crt-list',
  'ocsp',
  'issuer',
  'sctl',
  'file',
  'lf-file',
  'lua-load',
  '-f',
]);
/** Pointsman writes them, or HAProxy does. */
const NOT_READ = new Set(['server-state-file', 'stats-file', 'shm-stats-file']);
const OF_CA = /^(?:ca|crl)-/;
/** `map(/etc/hosts.map)`, `map_beg(/x,y)` */
const MAP = /\bmap(?:_[a-z0-9_]+)?\(([^(),\s]+)/g;

/** The files that HAProxy reads when it loads a text: certificates, maps, lists, errors, Lua. Each once. */
export function namedFiles(text: string): readonly NamedFile[] {
  const found = new Map<string, NamedFile>();
  const bases = { crt: '', ca: '' };
  const add = (path: string, isList: boolean) => found.set(path, { path, isList });
  const picture = takePicture(text);
  for (const index of picture.sections.keys()) {
    for (const { words } of sectionLines(picture, index).body) {
      const [first = '', second = '', third = ''] = words;
      if (first === 'crt-base' || first === 'ca-base') {
        bases[first === 'crt-base' ? 'crt' : 'ca'] = second;
      } else if (first === 'errorfile') {
        add(third, false);
      }
      for (const [at, word] of words.entries()) {
        const next = words[at + 1];
        if (next !== undefined && (NAMING.has(word) || (word.endsWith('-file') && !NOT_READ.has(word)))) {
          add(under(next, OF_CA.test(word) ? bases.ca : bases.crt), word === 'crt-list');
        }
        for (const [, map = ''] of word.matchAll(MAP)) {
          add(map, false);
        }
      }
    }
  }
  return [...found.values()];
}

function under(path: string, base: string): string {
  return base === '' || path.startsWith('/') ? path : `${base}/${path}`;
}
