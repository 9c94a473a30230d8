import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument } from 'yaml';
import { UsageError } from '../errors.ts';

/** A YAML file whose top is a map, with the places of its keys. */
export interface YamlMap {
  readonly raw: Readonly<Record<string, unknown>>;
  /** The line of a key, or of the nearest thing around it that is there. */
  lineOf(path: readonly PropertyKey[]): number;
}

export interface YamlMapOptions {
  /** What the file would begin with: `a map that starts with sources:`. */
  readonly fits: string;
  /** Where its form is described. */
  readonly hint: string;
  /** Changes what was read before it becomes values. */
  readonly prepare?: (document: Document) => void;
}

/** Parses the text of a YAML file. Throws a `UsageError` that names file and line. */
export function parseYamlMap(path: string, text: string, { fits, hint, prepare }: YamlMapOptions): YamlMap {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const error = document.errors[0];
  if (error) {
    throw new UsageError(`${path}:${lines.linePos(error.pos[0]).line}: no YAML: ${error.message}`, {
      hint: 'Check indentation, quotes and brackets there.',
    });
  }
  prepare?.(document);
  const raw: unknown = document.toJS() ?? {};
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) {
    throw new UsageError(`${path}:1: found no keys; would fit: ${fits}`, { hint });
  }
  const lineAt = (keys: readonly PropertyKey[]): number | null => {
    const around = keys.length > 1 ? document.getIn(keys.slice(0, -1), true) : document.contents;
    const last = keys.at(-1);
    const pair = isMap(around)
      ? around.items.find((one) => isScalar(one.key) && String(one.key.value) === String(last))
      : undefined;
    const node = pair ? pair.key : document.getIn(keys, true);
    return isNode(node) && node.range ? lines.linePos(node.range[0]).line : null;
  };
  const lineOf = (keys: readonly PropertyKey[]): number =>
    keys.length === 0 ? 1 : (lineAt(keys) ?? lineOf(keys.slice(0, -1)));
  return { raw: { ...raw }, lineOf };
}
