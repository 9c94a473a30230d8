import { sectionLines, takePicture } from './picture.ts';

/** A file or a folder that a configuration names. */
export interface NamedFile {
  /** As it is written; relative to `crt-base` or `ca-base` where the text says one. */
  readonly path: string;
  /** Of a `crt-list`, which names files itself: what those that are relative are relative to. Null of all others. */
  readonly list: FileBases | null;
}

/** `crt-base` and `ca-base`; empty where a text says none. */
export interface FileBases {
  readonly crt: string;
  readonly ca: string;
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
  const add = (path: string, list: FileBases | null = null) => found.set(path, { path, list });
  const picture = takePicture(text);
  for (const index of picture.sections.keys()) {
    for (const { words } of sectionLines(picture, index).body) {
      const [first = '', second = '', third = ''] = words;
      if (first === 'crt-base' || first === 'ca-base') {
        bases[first === 'crt-base' ? 'crt' : 'ca'] = second;
      } else if (first === 'errorfile') {
        add(third);
      }
      for (const [at, word] of words.entries()) {
        const next = words[at + 1];
        if (next !== undefined && (NAMING.has(word) || (word.endsWith('-file') && !NOT_READ.has(word)))) {
          add(pathUnder(word, next, bases), word === 'crt-list' ? { ...bases } : null);
        }
        for (const [, map = ''] of word.matchAll(MAP)) {
          add(map);
        }
      }
    }
  }
  return [...found.values()];
}

/** The files that a `crt-list` names: `site.pem [ca-file clients.pem verify required] www.example.com`. */
export function listedFiles(list: string, bases: FileBases): readonly string[] {
  return list.split('\n').flatMap((line) => {
    const [file = '#', ...words] = line.replaceAll(/[[\]]/g, ' ').trim().split(/\s+/);
    if (file === '' || file.startsWith('#')) {
      return [];
    }
    const named = words.flatMap((word, at) => {
      const next = words[at + 1];
      return next !== undefined && OF_CA.test(word) ? [pathUnder(word, next, bases)] : [];
    });
    return [pathUnder('crt', file, bases), ...named];
  });
}

/** The path of the file that this keyword names. */
export function pathUnder(keyword: string, file: string, { crt, ca }: FileBases): string {
  const base = OF_CA.test(keyword) ? ca : crt;
  return base === '' || file.startsWith('/') ? file : `${base}/${file}`;
}
