import { compare, type Entry } from '../model/entry.ts';
import { isJsonPlace, type TreeShape } from './tree-shape.ts';
import { jsonFields, keyText, valueText } from './yaml-text.ts';

/** A part of the tree on its way to YAML: what is written under one name. */
interface Folder {
  readonly path: string;
  readonly folders: Map<string, Folder>;
  /** By the key as it is written: one segment, or the whole rest of the path. */
  readonly values: Map<string, Entry>;
}

/**
 * Writes a tree as YAML that `parseTreeEntries` reads back the same, byte by byte: nested maps, JSON objects as
 * maps where they read back as they were, and a second document with the revisions, which settle claims.
 *
 * A key that is a value and a folder as well, or that lies below a JSON value, is written with the whole rest
 * of its path (`sub/dir: …`); one with empty segments stands in full at the top.
 */
export function writeTree(entries: Iterable<Entry>, shape: TreeShape): string {
  const sorted = [...entries].sort((a, b) => compare(a.key, b.key));
  const root: Folder = { path: '', folders: new Map(), values: new Map() };
  const taken = new Set(sorted.map(({ key }) => key));
  for (const entry of sorted) {
    insert(root, entry, { shape, taken });
  }
  const tree = sorted.length === 0 ? '{}\n' : folderLines(root, '', shape).join('\n').concat('\n');
  const known = sorted.filter(({ source, created, modified }) => source || created || modified);
  if (known.length === 0) {
    return tree;
  }
  const revisions = known.map(
    ({ key, source, created, modified }) => `  ${keyText(key, '  ')} [${source}, ${created}, ${modified}]`,
  );
  return `${tree}---\nrevisions:\n${revisions.join('\n')}\n`;
}

function insert(
  root: Folder,
  entry: Entry,
  { shape, taken }: { readonly shape: TreeShape; readonly taken: ReadonlySet<string> },
): void {
  const segments = entry.key.slice(1).split('/');
  if (segments.includes('')) {
    root.values.set(entry.key, entry);
    return;
  }
  let folder = root;
  while (segments.length > 1) {
    const [name = ''] = segments;
    const path = `${folder.path}/${name}`;
    // A map here would be read as a value, or would be the second thing of this name.
    if (taken.has(path) || isJsonPlace(path, shape)) {
      break;
    }
    const next = folder.folders.get(name) ?? { path, folders: new Map(), values: new Map() };
    folder.folders.set(name, next);
    folder = next;
    segments.shift();
  }
  folder.values.set(segments.join('/'), entry);
}

function folderLines(folder: Folder, indent: string, shape: TreeShape): string[] {
  const values = [...folder.values].map(([name, entry]) => ({
    name,
    lines: () => valueLines(name, entry, { indent, shape }),
  }));
  const folders = [...folder.folders].map(([name, next]) => ({
    name,
    lines: () => [`${indent}${keyText(name, indent)}`, ...folderLines(next, `${indent}  `, shape)],
  }));
  return [...values, ...folders].sort((a, b) => compare(a.name, b.name)).flatMap(({ lines }) => lines());
}

function valueLines(
  name: string,
  { key, value }: Entry,
  { indent, shape }: { readonly indent: string; readonly shape: TreeShape },
): string[] {
  const fields = isJsonPlace(key, shape) ? jsonFields(value, `${indent}  `) : null;
  const label = `${indent}${keyText(name, indent)}`;
  return fields ? [label, ...fields] : [`${label} ${valueText(value, indent)}`];
}
