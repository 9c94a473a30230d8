import { type Document, isMap, isScalar, isSeq } from 'yaml';
import type { Entry } from '../model/entry.ts';
import type { TreeNodes } from './tree-nodes.ts';

/** Where a key came from, as the second document of a dump says it. */
export type Provenance = Pick<Entry, 'source' | 'created' | 'modified'>;

/**
 * Reads the second document of a dump: `revisions:`, a flat map of key -> [source, created, modified].
 *
 * @throws SourceError that names file and line.
 */
export function readRevisions(document: Document.Parsed, nodes: TreeNodes): ReadonlyMap<string, Provenance> {
  const root = document.contents;
  const [only, another] = isMap(root) ? root.items : [];
  if (!only || another || nodes.key(only) !== 'revisions' || !isMap(only.value)) {
    throw nodes.wrong(
      root,
      'the second document must be "revisions:" with a map of key: [source, created, modified]',
    );
  }
  const found = new Map<string, Provenance>();
  for (const pair of only.value.items) {
    const numbers = isSeq(pair.value)
      ? pair.value.items.map((item) => (isScalar(item) ? String(item.value) : ''))
      : [];
    const [source, created, modified] = numbers;
    if (numbers.length !== 3 || !numbers.every((number) => /^\d{1,19}$/.test(number))) {
      throw nodes.wrong(pair, 'a revision must be [source, created, modified], three whole numbers');
    }
    found.set(nodes.key(pair), {
      source: Number(source),
      created: BigInt(created ?? 0),
      modified: BigInt(modified ?? 0),
    });
  }
  return found;
}
