import { z } from 'zod';
import { leaf } from './leaf.ts';

/** What an instance of EC2 can tell templates beside its tags. */
export const EC2_FACTS = ['az', 'type', 'image', 'subnet', 'vpc', 'name', 'launched'] as const;

const TAG = /^tag:([^\x00-\x1f\x7f]{1,128})$/;

/** A text that is the same for all instances, or `tag:NAME`. */
export function fixedOrTag(pattern: RegExp, fits: string) {
  const schema = z
    .string()
    .refine((text) => TAG.test(text) || pattern.test(text))
    .transform((text) => tagOf(text) ?? { fixed: text });
  return leaf('text', fits, schema);
}

/** A port that is the same for all instances, or `tag:NAME`. The environment and flags write it as a text. */
export function portOrTag() {
  const schema = z
    .union([z.int(), z.string()])
    .transform(String)
    .refine((text) => TAG.test(text) || isPort(text))
    .transform((text) => tagOf(text) ?? { fixed: Number(text) });
  return leaf('text', 'a port from 1 to 65535, or tag:NAME', schema);
}

function tagOf(text: string): { readonly tag: string } | null {
  const tag = TAG.exec(text)?.[1];
  return tag === undefined ? null : { tag };
}

function isPort(text: string): boolean {
  return /^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535;
}

const written = z.union([z.string(), z.number(), z.boolean()]).transform(String);

/** Filters of `DescribeInstances` by name, each with one value or several. Only running instances count anyway. */
export function ec2Filters() {
  const name = z.string().regex(/^(?!instance-state-(?:name|code)$)[A-Za-z][^\x00-\x1f\x7f]{0,255}$/);
  const values = z.union([written.transform((one) => [one]), z.array(written).min(1).max(200)]);
  return leaf(
    'free',
    'a map of filters of DescribeInstances, such as { "tag:role": db }; only running instances count, whatever they say',
    z.record(name, values),
  );
}
