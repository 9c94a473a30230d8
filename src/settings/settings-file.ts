import { isUtf8 } from 'node:buffer';
import { readFile } from 'node:fs/promises';
import { isMap, isNode, isScalar, LineCounter, parseDocument, visit } from 'yaml';
import { UsageError } from '../errors.ts';
import { asWritten } from '../model/written-number.ts';
import { whatWouldLet } from '../system/denied.ts';
import type { RawSettings } from './overrides.ts';
import { SETTING_KEYS } from './schema.ts';

const SECTIONS = new Set(SETTING_KEYS.map((key) => key.path.split(/[.[]/)[0]));

/** What JSON takes for a number too. */
const DECIMAL = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

/** A settings file as it was read, not checked yet. */
export interface SettingsFile {
  readonly path: string;
  readonly raw: RawSettings;
  /** The line of a key, or of the nearest thing around it that is there. */
  lineOf(path: readonly PropertyKey[]): number;
}

/** Reads a settings file, or gives null where there is none. Throws a `UsageError` that names file and line. */
export async function readSettingsFile(path: string): Promise<SettingsFile | null> {
  const bytes = await readBytes(path);
  if (bytes === null) {
    return null;
  }
  if (isUtf8(bytes)) {
    return parseSettingsFile(path, bytes.toString('utf8'));
  }
  throw new UsageError(`reading ${path}: it is no UTF-8`, { hint: 'Save it as UTF-8.' });
}

async function readBytes(path: string): Promise<Buffer | null> {
  try {
    return await readFile(path);
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'UNKNOWN';
    if (code === 'ENOENT') {
      return null;
    }
    throw new UsageError(`reading ${path}: ${code}`, {
      hint: code === 'EACCES' ? whatWouldLet('read', path) : 'Name the settings file with --config FILE.',
      cause,
    });
  }
}

/** Parses the text of a settings file. Throws a `UsageError` that names file and line. */
export function parseSettingsFile(path: string, text: string): SettingsFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const error = document.errors[0];
  if (error) {
    throw new UsageError(`${path}:${lines.linePos(error.pos[0]).line}: no YAML: ${error.message}`, {
      hint: 'Check indentation, quotes and brackets there.',
    });
  }
  keepNumbers(document.getIn(['vars'], true));
  const raw: unknown = document.toJS() ?? {};
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) {
    throw new UsageError(`${path}:1: found no keys; would fit: a map that starts with sources:`, {
      hint: 'docs/settings.md has an example.',
    });
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
  return { path, raw: dropEmpty({ ...raw }), lineOf };
}

/** Numbers of `vars` are for templates, as they are written: `1.10` is a version, `12345678901234567890` an id. */
function keepNumbers(vars: unknown): void {
  if (!isNode(vars)) {
    return;
  }
  visit(vars, {
    Scalar(_, node) {
      if (typeof node.value === 'number' && node.source && DECIMAL.test(node.source)) {
        node.value = asWritten(node.source);
      }
    },
  });
}

/** A section whose keys are all commented out (`guard:` and nothing) is as good as absent. */
function dropEmpty(raw: RawSettings): RawSettings {
  return Object.fromEntries(
    Object.entries(raw).filter(([key, value]) => value !== null || !SECTIONS.has(key)),
  );
}
