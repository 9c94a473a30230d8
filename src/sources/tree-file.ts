import {
  type Document,
  isMap,
  isScalar,
  LineCounter,
  type Pair,
  parseAllDocuments,
  type YAMLMap,
} from 'yaml';
import { SourceError } from '../errors.ts';
import { compare, type Entry } from '../model/entry.ts';
import { type Place, TreeNodes, type TreeText, wrongAt } from './tree-nodes.ts';
import { readRevisions } from './tree-revisions.ts';
import { isJsonPlace, type TreeShape } from './tree-shape.ts';

export interface TreeOptions {
  /** For error messages. */
  readonly file: string;
  readonly shape: TreeShape;
  /** The place of the source in the settings. */
  readonly index: number;
}

/**
 * Reads the tree form of YAML or JSON: maps are paths, everything else is a value.
 *
 * A map's key may hold several segments (`def/ghi`), with or without a slash in front. Scalars are taken as
 * written (`1.10` stays `1.10`), lists become JSON text, and so does a map where `shape` has a JSON value.
 * Anchors and aliases work; merge keys (`<<`), tags, null and the same key twice are errors.
 *
 * A second document `revisions:`, as `writeTree` makes it, says where the keys came from and their revisions; a key
 * that it does not name is of source `index` and has none.
 *
 * @returns the entries, sorted by key.
 * @throws SourceError that names file and line.
 */
export function parseTreeEntries(text: string, options: TreeOptions): readonly Entry[] {
  try {
    return readEntries(text, options);
  } catch (error) {
    if (!(error instanceof RangeError)) {
      throw error;
    }
    throw new SourceError(`reading ${options.file}: it nests too deep`, {
      hint: 'correct the file; it is read again as soon as it is saved',
      cause: error,
    });
  }
}

function readEntries(text: string, options: TreeOptions): readonly Entry[] {
  const lines = new LineCounter();
  // Failsafe: a plain scalar is the text that stands there, never a number, a date or a truth value.
  const parsed = parseAllDocuments(text, {
    lineCounter: lines,
    schema: 'failsafe',
    uniqueKeys: false,
    prettyErrors: false,
  });
  const documents: readonly Document.Parsed[] = 'empty' in parsed ? [] : parsed;
  const source: TreeText = { file: options.file, lines };
  const [tree, revisions, third] = documents;
  for (const document of documents) {
    const problem = document.errors[0] ?? document.warnings[0];
    if (problem) {
      throw wrongAt(source, problem.pos[0], problem.message.split('\n')[0] ?? '');
    }
  }
  if (!tree || tree.contents === null) {
    throw new SourceError(`reading ${options.file}: it is empty`, {
      hint: 'write {} if it is meant to hold no keys',
    });
  }
  if (third) {
    throw wrongAt(source, third.range[0], 'there are more than two documents');
  }
  const values = readTree(new TreeNodes(source, tree), tree.contents, options.shape);
  const known = revisions ? readRevisions(revisions, new TreeNodes(source, revisions)) : new Map();
  return [...values]
    .map(([key, value]) => ({
      key,
      value,
      source: options.index,
      created: 0n,
      modified: 0n,
      ...known.get(key),
    }))
    .sort((a, b) => compare(a.key, b.key));
}

/** The values of a document by their keys. */
function readTree(nodes: TreeNodes, root: unknown, shape: TreeShape): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  const places = new Map<string, Place>();
  const put = (key: string, value: string, place: Place) => {
    if (places.has(key)) {
      const line = nodes.line(places.get(key));
      throw nodes.wrong(place, `the key ${key} is there twice, first on line ${line}`);
    }
    places.set(key, place);
    values.set(key, value);
  };
  const readFolder = (parent: string, map: YAMLMap) => {
    for (const pair of map.items as Pair[]) {
      const key = nodes.key(pair);
      const path = `${parent}/${key.startsWith('/') ? key.slice(1) : key}`;
      const value = nodes.resolve(pair.value);
      if (isMap(value) && !isJsonPlace(path, shape)) {
        nodes.enter(value, () => readFolder(path.replace(/\/$/, ''), value));
      } else {
        put(path, isScalar(value) ? nodes.text(value, pair) : nodes.json(pair.value, pair), pair);
      }
    }
  };
  const top = nodes.resolve(root);
  if (!isMap(top)) {
    throw nodes.wrong(root, 'the top must be a map of keys');
  }
  nodes.enter(top, () => readFolder('', top));
  return values;
}
