import { isUtf8 } from 'node:buffer';
import { readFile } from 'node:fs/promises';
import { isNode, visit } from 'yaml';
import { UsageError } from '../errors.ts';
import { asWritten } from '../model/written-number.ts';
import { whatWouldLet } from '../system/denied.ts';
import type { RawSettings } from './overrides.ts';
import { SETTING_KEYS } from './schema.ts';
import { parseYamlMap } from './yaml-lines.ts';

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
  const { raw, lineOf } = parseYamlMap(path, text, {
    fits: 'a map that starts with sources:',
    hint: 'docs/settings.md has an example.',
    prepare: (document) => keepNumbers(document.getIn(['vars'], true)),
  });
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
