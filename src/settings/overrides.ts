import { resolve } from 'node:path';
import { parse } from 'yaml';
import { UsageError } from '../errors.ts';
import { nearestNames } from '../model/nearest-names.ts';
import type { LeafKind } from './leaf.ts';
import { SETTING_KEYS } from './schema.ts';

/** One setting from outside the file. */
export interface Override {
  /** Dotted; `etcd.…` is the first etcd source, `sources.0.…` a source by its place. */
  readonly path: string;
  /** Where it came from, for messages: `POINTSMAN_LOG_LEVEL`, `--set log.level`. */
  readonly origin: string;
  readonly value: string;
}

/** A map or list as it comes out of YAML, before it is checked. */
export type RawSettings = { [key: string]: unknown };

/** The settings that flags name. Unknown keys are an error, all at once. */
export function flagOverrides(flags: Readonly<Record<string, string>>): Override[] {
  const unknown = Object.keys(flags).filter((path) => kindOf(path) === null);
  if (unknown.length > 0) {
    throw new UsageError(`reading --set: ${unknown.map(describe).join('; ')}`, {
      hint: 'docs/settings.md lists every key.',
    });
  }
  return Object.entries(flags).map(([path, value]) => ({ path, origin: `--set ${path}`, value }));
}

/**
 * Writes overrides into raw settings, in their order. Relative paths in them are relative to `cwd`. Gives the
 * origin of each dotted path that it wrote, for messages about it.
 */
export function applyOverrides(
  raw: RawSettings,
  overrides: readonly Override[],
  cwd: string,
): Map<string, string> {
  const origins = new Map<string, string>();
  for (const override of overrides) {
    const path = placeOf(raw, override.path);
    write(raw, path, valueFrom(kindOf(override.path) ?? 'text', override.value, cwd));
    origins.set(path.join('.'), override.origin);
  }
  return origins;
}

/** Makes the relative paths of raw settings absolute; they are relative to `folder`. */
export function resolvePaths(raw: unknown, folder: string, path = ''): unknown {
  const kind = kindOf(path);
  if (typeof raw === 'string') {
    return kind === 'path' || kind === 'program' ? valueFrom(kind, raw, folder) : raw;
  }
  if (kind !== null || typeof raw !== 'object' || raw === null) {
    return raw;
  }
  const inside = (key: string | number) => (path === '' ? `${key}` : `${path}.${key}`);
  if (Array.isArray(raw)) {
    return raw.map((one, index) => resolvePaths(one, folder, inside(index)));
  }
  return Object.fromEntries(
    Object.entries(raw).map(([key, one]) => [key, resolvePaths(one, folder, inside(key))]),
  );
}

/** What kind of value stands at a dotted path, or null where no setting is. */
export function kindOf(path: string): LeafKind | null {
  const pattern = path.replace(/^etcd\./, 'sources[].etcd.').replace(/\.\d+(?=\.|$)/g, '[]');
  const key = SETTING_KEYS.find(
    (one) => one.path === pattern || (one.kind === 'free' && pattern.startsWith(`${one.path}.`)),
  );
  return key?.kind ?? null;
}

function valueFrom(kind: LeafKind, text: string, folder: string): unknown {
  switch (kind) {
    case 'text':
      return text;
    case 'number':
      return /^-?\d+(?:\.\d+)?$/.test(text) ? Number(text) : text;
    case 'list':
      return listOf(text);
    case 'path':
      return text === '' ? '' : resolve(folder, text);
    case 'program':
      return text.includes('/') ? resolve(folder, text) : text;
    case 'free':
      return freeValue(text);
  }
}

function listOf(text: string): unknown {
  if (text.trimStart().startsWith('[')) {
    return yamlOr(text);
  }
  const parts = text.split(',').map((part) => part.trim());
  return parts.filter((part) => part !== '');
}

/** Numbers, truth values, lists and maps as YAML has them; anything else, `1.10` too, stays the text it is. */
function freeValue(text: string): unknown {
  if (text === 'true' || text === 'false') {
    return text === 'true';
  }
  if (text !== '' && String(Number(text)) === text) {
    return Number(text);
  }
  return /^\s*[[{]/.test(text) ? yamlOr(text) : text;
}

function yamlOr(text: string): unknown {
  try {
    return parse(text);
  } catch {
    return text;
  }
}

/** Where an override is written: `etcd.…` in the first etcd source, which is added where there is none. */
function placeOf(raw: RawSettings, path: string): string[] {
  if (!path.startsWith('etcd.')) {
    return path.split('.');
  }
  const sources = Array.isArray(raw.sources) ? raw.sources : [];
  const index = sources.findIndex((one) => typeof one === 'object' && one !== null && 'etcd' in one);
  if (index < 0) {
    raw.sources = [...sources, { etcd: {} }];
  }
  return ['sources', `${index < 0 ? sources.length : index}`, ...path.split('.')];
}

function write(raw: RawSettings, path: readonly string[], value: unknown): void {
  let here: unknown = raw;
  path.forEach((key, depth) => {
    // Something else than a map on the way is the file's mistake, and the schema names it.
    if (typeof here !== 'object' || here === null) {
      return;
    }
    const map = here as RawSettings;
    if (depth === path.length - 1) {
      map[key] = value;
    } else {
      map[key] ??= /^\d+$/.test(path[depth + 1] ?? '') ? [] : {};
    }
    here = map[key];
  });
}

function describe(path: string): string {
  const known = SETTING_KEYS.map((key) =>
    key.path.replace(/^sources\[\]\.etcd\./, 'etcd.').replace('[]', '.0'),
  );
  const near = nearestNames(path, known)[0] ?? known.find((key) => key.endsWith(`.${path}`)) ?? null;
  return `${path} is no setting${near === null ? '' : `; did you mean ${near}?`}`;
}
