import { type Document, isMap, isScalar, visit } from 'yaml';
import type { z } from 'zod';
import { UsageError } from '../errors.ts';
import { compare } from '../model/entry.ts';
import { explain } from '../settings/explain.ts';
import type { SettingKey } from '../settings/leaf.ts';
import { parseYamlMap, type YamlMap } from '../settings/yaml-lines.ts';
import {
  DEFINITION_KEYS,
  type Definition,
  definitionSchema,
  HOST_KEYS,
  hostsSchema,
} from './definition-schema.ts';
import type { Host } from './host.ts';

/** Where the form of both files is described. */
const HINT = 'docs/units.md describes every key.';

/** A file of definitions, with the places of its keys. */
export interface ReadDefinition {
  readonly definition: Definition;
  /** `file:line` of a key, or of the nearest thing around it. */
  whereIs(path: readonly PropertyKey[]): string;
}

/** Parses and checks a file of definitions. Throws a `UsageError` that names all that does not fit, with file and line. */
export function readDefinition(file: string, text: string): ReadDefinition {
  const yaml = parseYamlMap(file, text, {
    fits: 'a map with services:',
    hint: HINT,
    prepare: keepWritten,
  });
  const definition = check(file, yaml, {
    schema: definitionSchema,
    keys: DEFINITION_KEYS,
    doing: 'the definitions',
  });
  return { definition, whereIs: (path) => `${file}:${yaml.lineOf(path)}` };
}

/** Parses and checks a file of hosts; sorted by name. Throws a `UsageError`. */
export function readHosts(file: string, text: string): Host[] {
  const yaml = parseYamlMap(file, text, { fits: 'a map with hosts:', hint: HINT });
  const { hosts } = check(file, yaml, { schema: hostsSchema, keys: HOST_KEYS, doing: 'the hosts' });
  const wrong = Object.keys(hosts).find((name) => !HOST_NAME.test(name));
  if (wrong !== undefined) {
    const where = `${file}:${yaml.lineOf(['hosts', wrong])}`;
    throw new UsageError(`reading the hosts: ${where}: ${JSON.stringify(wrong)} is no name of a host`, {
      hint: 'Its units stand in a folder of that name: letters, digits, - _ and dots inside.',
    });
  }
  return Object.entries(hosts)
    .map(([name, host]) => ({
      name,
      zone: host?.zone ?? null,
      roles: host?.roles ?? [],
      address: host?.address ?? null,
    }))
    .sort((a, b) => compare(a.name, b.name));
}

const HOST_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,252}$/;

interface Checked<T extends z.ZodType> {
  readonly schema: T;
  readonly keys: readonly SettingKey[];
  readonly doing: string;
}

function check<T extends z.ZodType>(
  file: string,
  yaml: YamlMap,
  { schema, keys, doing }: Checked<T>,
): z.output<T> {
  const result = schema.safeParse(yaml.raw);
  if (result.success) {
    return result.data;
  }
  const whereIs = (path: readonly PropertyKey[]) => `${file}:${yaml.lineOf(path)}`;
  throw refusal(doing, explain(result.error.issues, { raw: yaml.raw, keys, whereIs }));
}

/** The error of things that do not fit, a line for each. */
export function refusal(doing: string, lines: readonly string[], hint = HINT): UsageError {
  const found = lines.length === 1 ? lines[0] : [`${lines.length} things do not fit`, ...lines].join('\n  ');
  return new UsageError(`reading ${doing}: ${found}`, { hint });
}

/** Variables and facts are texts, as they are written: `1.10` is a version, `yes` a word. */
function keepWritten(document: Document): void {
  visit(document, {
    Pair(_, pair) {
      if (!isScalar(pair.key) || (pair.key.value !== 'env' && pair.key.value !== 'meta')) {
        return undefined;
      }
      for (const { value } of isMap(pair.value) ? pair.value.items : []) {
        if (isScalar(value) && typeof value.value !== 'string') {
          value.value = value.source ?? '';
        }
      }
      return visit.SKIP;
    },
  });
}
