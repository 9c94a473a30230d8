import { readFileSync } from 'node:fs';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { parse } from 'yaml';

const read = (name: string) => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8');

/** The paths of all that is no object in a value: `sources[].name`, `missing[]`. Of an empty list that of the list. */
export function pathsIn(value: unknown, at = ''): readonly string[] {
  if (Array.isArray(value)) {
    return value.length === 0 ? [`${at}[]`] : value.flatMap((one) => pathsIn(one, `${at}[]`));
  }
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value).flatMap(([name, one]) => pathsIn(one, at === '' ? name : `${at}.${name}`));
  }
  return [at];
}

/** The paths that the table of `/api/status` in docs/status.md has, with those of a pass at each place where one stands. */
export function toldPaths(): ReadonlySet<string> {
  const [, fields = '', pass = ''] =
    /\n### The fields of `\/api\/status`\n([\s\S]*?)\n#### A pass\n([\s\S]*?)\n## /.exec(read('status.md')) ??
    [];
  const own = namesIn(fields);
  const ofPass = namesIn(pass).flatMap((name) =>
    ['counts', 'hashes', 'applied'].includes(name)
      ? own.filter((one) => one.startsWith(`${name}.`) && one !== 'hashes.running')
      : [name],
  );
  const places = ['lastPass', 'lastApply', 'passes[]'];
  return new Set([
    ...own.filter((name) => !places.includes(name)),
    ...places.flatMap((place) => ofPass.map((name) => `${place}.${name}`)),
  ]);
}

function namesIn(table: string): readonly string[] {
  return table
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .flatMap((line) => [...(line.split('|')[1] ?? '').matchAll(/`([^`?]+)\??`/g)])
    .map(([, name = '']) => name);
}

interface Schema {
  readonly $ref?: string;
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
}

const api = parse(read('openapi.yaml')) as { components: { schemas: Record<string, Schema> } };

/** The paths that the schema of `/api/status` in docs/openapi.yaml has. */
export function describedPaths(): ReadonlySet<string> {
  return new Set(pathsOf({ $ref: '#/components/schemas/Status' }, ''));
}

function pathsOf(schema: Schema, at: string): readonly string[] {
  const { $ref, anyOf, items, properties } = schema;
  if ($ref !== undefined) {
    return pathsOf(api.components.schemas[$ref.split('/').at(-1) ?? ''] ?? {}, at);
  }
  if (anyOf !== undefined) {
    return anyOf.flatMap((one) => (Object.keys(one).some((name) => name !== 'type') ? pathsOf(one, at) : []));
  }
  if (items !== undefined) {
    return pathsOf(items, `${at}[]`);
  }
  if (properties !== undefined) {
    return Object.entries(properties).flatMap(([name, one]) =>
      pathsOf(one, at === '' ? name : `${at}.${name}`),
    );
  }
  return [at];
}

/** Judges an answer of `/api/status` by docs/openapi.yaml. */
export function statusValidator(): ValidateFunction {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  ajv.addFormat('date-time', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
  ajv.addSchema(api, 'api');
  return ajv.compile({ $ref: 'api#/components/schemas/Status' });
}
