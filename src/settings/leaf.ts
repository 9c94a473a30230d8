import { z } from 'zod';

/** How a value is written in the environment and in `--set`, and whether it is a path. */
export type LeafKind = 'text' | 'number' | 'list' | 'path' | 'program' | 'free';

/** What is known of one settable value: `fits` says in words what would be right. */
export interface Leaf {
  readonly kind: LeafKind;
  readonly fits: string;
}

const leaves = z.registry<Leaf>();

/** Marks a schema as one settable value. */
export function leaf<T extends z.ZodType>(kind: LeafKind, fits: string, schema: T): T {
  leaves.add(schema, { kind, fits });
  return schema;
}

/** Stands in the path of a key for any name. */
export const ANY_NAME = '<name>';

/** One key of the settings. */
export interface SettingKey extends Leaf {
  /** Dotted, a list's members as `[]`, those of a map as `<name>`: `sources[].etcd.endpoints`. */
  readonly path: string;
  /** As it would be written in the file; undefined where there is none. */
  readonly default: unknown;
}

/** All keys of a schema, in its order. */
export function keysOf(schema: z.ZodType, path = '', fallback: unknown = undefined): SettingKey[] {
  const found = leaves.get(schema);
  if (found) {
    return [{ path, default: fallback, ...found }];
  }
  if (schema instanceof z.ZodObject) {
    const shape: Record<string, z.ZodType> = schema.shape;
    return Object.entries(shape).flatMap(([key, inner]) =>
      keysOf(inner, path === '' ? key : `${path}.${key}`),
    );
  }
  if (schema instanceof z.ZodArray) {
    return keysOf(asType(schema.element), `${path}[]`);
  }
  if (schema instanceof z.ZodRecord) {
    return keysOf(asType(schema.valueType), `${path}.${ANY_NAME}`);
  }
  if (schema instanceof z.ZodPrefault || schema instanceof z.ZodDefault) {
    return keysOf(asType(schema.unwrap()), path, schema.def.defaultValue);
  }
  if (schema instanceof z.ZodExactOptional || schema instanceof z.ZodNullable) {
    return keysOf(asType(schema.unwrap()), path);
  }
  if (schema instanceof z.ZodPipe) {
    return keysOf(asType(schema.in), path);
  }
  return [];
}

function asType(schema: unknown): z.ZodType {
  if (schema instanceof z.ZodType) {
    return schema;
  }
  throw new TypeError('the settings schema holds something that is no schema');
}
