import { compare, type Entry } from '../../model/entry.ts';
import type { TreeView } from '../../model/tree-view.ts';
import { hasControlCharacters } from '../control-characters.ts';
import { Fault } from '../site.ts';
import { text } from './arguments.ts';
import { parseGlob } from './glob.ts';
import { cleanPath, PATH_FUNCTIONS } from './paths.ts';

/** confd's `KVPair`. */
interface Pair {
  readonly key: string;
  readonly value: string;
}

/** What `get` and `gets` gave. */
const PAIRS = new WeakSet<object>();

/** Whether a value is a pair that `get` or `gets` gave. */
export function isPair(value: unknown): value is Pair {
  return typeof value === 'object' && value !== null && PAIRS.has(value);
}

/** The store functions below a prefix: keys are given and taken without it, as with confd's `prefix`. */
export function storeBelow(tree: TreeView, prefix: unknown) {
  const start = cleanPath(`/${text(prefix, 'the prefix')}`);
  return Object.freeze(storeFunctions(start === '/' ? tree : below(tree, start)));
}

function below(tree: TreeView, start: string): TreeView {
  const inner = (entry: Entry): Entry => ({ ...entry, key: entry.key.slice(start.length) });
  return {
    size: tree.size,
    get(key) {
      const entry = key.startsWith('/') ? tree.get(start + key) : undefined;
      return entry === undefined ? undefined : inner(entry);
    },
    *under(prefix) {
      for (const entry of tree.under(prefix === '/' ? start : start + prefix)) {
        if (entry.key.length > start.length) {
          yield inner(entry);
        }
      }
    },
  };
}

/** confd's store functions over one tree. Keys are full keys; nothing is stripped from them. */
export function storeFunctions(tree: TreeView) {
  const find = (key: unknown) => tree.get(text(key, 'the key'));
  return {
    exists: (key: unknown) => find(key) !== undefined,
    get: (key: unknown) => pairOf(find(key) ?? noSuchKey(key)),
    /** With a second argument: that, where there is no such key. */
    getv(...args: unknown[]): unknown {
      const entry = find(args[0]);
      return entry === undefined && args.length > 1 ? args[1] : checked(entry ?? noSuchKey(args[0]));
    },
    /** The value as it is, line breaks and all. */
    getRaw(...args: unknown[]): unknown {
      const entry = find(args[0]);
      return entry === undefined && args.length > 1 ? args[1] : (entry ?? noSuchKey(args[0])).value;
    },
    /** Sorted by key. */
    gets: (pattern: unknown) => matching(tree, text(pattern, 'the pattern')).map(pairOf),
    /** Sorted by value. */
    getvs: (pattern: unknown) => matching(tree, text(pattern, 'the pattern')).map(checked).sort(compare),
    ls: (path: unknown) => children(tree, text(path, 'the path'), 'all'),
    lsdir: (path: unknown) => children(tree, text(path, 'the path'), 'folders'),
  };
}

function matching(tree: TreeView, pattern: string): Entry[] {
  const glob = parseGlob(pattern);
  if (glob.literal !== null) {
    const entry = tree.get(glob.literal);
    return entry === undefined ? [] : [entry];
  }
  return [...tree.under(glob.prefix === '' ? '/' : glob.prefix)].filter((entry) => glob.matches(entry.key));
}

/** confd's `ls` (names of keys and folders below a path; for a key itself, its own name) and `lsdir`. */
function children(tree: TreeView, path: string, which: 'all' | 'folders'): string[] {
  const folder = cleanPath(path);
  const start = folder === '/' || folder === '.' ? (path.startsWith('/') ? '/' : '') : `${folder}/`;
  const names = new Set<string>();
  for (const { key } of tree.under(start === '/' || start === '' ? '/' : folder)) {
    if (key === path && which === 'all') {
      names.add(PATH_FUNCTIONS.base(key));
    } else if (key.startsWith(start) && key.length > start.length) {
      const rest = key.slice(start.length);
      const end = rest.indexOf('/');
      if (end !== -1 || which === 'all') {
        names.add(end === -1 ? rest : rest.slice(0, end));
      }
    }
  }
  const bad = [...names].find(hasControlCharacters);
  if (bad !== undefined) {
    throw new Fault(`the key ${JSON.stringify(start + bad)} holds a line break or a control character`);
  }
  return [...names].sort(compare);
}

/** A pair whose bad parts throw when they are used. */
function pairOf(entry: Entry): Pair {
  const { key, value } = entry;
  const pair = {};
  PAIRS.add(pair);
  if (!hasControlCharacters(value) && !hasControlCharacters(key)) {
    return Object.assign(pair, { key, value });
  }
  Object.defineProperty(pair, 'key', { enumerable: true, get: () => checkedKey(entry) });
  Object.defineProperty(pair, 'value', { enumerable: true, get: () => checked(entry) });
  return pair as Pair;
}

function checkedKey({ key }: Entry): string {
  if (hasControlCharacters(key)) {
    const what = `the key ${JSON.stringify(key)} holds a line break or a control character`;
    throw new Fault(what, undefined, key);
  }
  return key;
}

function checked({ key, value }: Entry): string {
  if (hasControlCharacters(value)) {
    throw new Fault(
      `the value of ${JSON.stringify(key)} holds a line break or a control character`,
      `where that is meant: getRaw(${JSON.stringify(key)})`,
      key,
    );
  }
  return value;
}

function noSuchKey(key: unknown): never {
  throw new Fault(
    `there is no key ${JSON.stringify(key)}`,
    'is its prefix among `prefixes.keys` of the settings? Where it may be missing: getv(key, "default") or exists(key)',
  );
}
