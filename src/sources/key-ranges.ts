import { UsageError } from '../errors.ts';

/** One range of etcd keys: a single key (`end` null) or everything from `start` until before `end`. */
export interface KeyRange {
  readonly prefix: string;
  readonly start: Buffer;
  readonly end: Buffer | null;
}

/**
 * The ranges that a list of prefixes stands for: for each the key itself and everything below it, so `/key` and
 * `/key/x`, but not `/keys`. They are apart from each other, so that nothing comes twice, and no wider than
 * asked for: permissions are often granted for exactly `/key/`, and a range over all of them would be refused
 * or bring a stranger's traffic.
 *
 * @throws UsageError for a prefix that does not begin with `/`.
 */
export function keyRanges(prefixes: readonly string[]): readonly KeyRange[] {
  return outermost(prefixes.map(normalize)).flatMap((prefix) => {
    const below = { prefix, start: Buffer.from(`${prefix}/`), end: Buffer.from(`${prefix}0`) };
    return prefix === '' ? [below] : [{ prefix, start: Buffer.from(prefix), end: null }, below];
  });
}

/** The bounds of a range as etcd's requests name them. */
export function bounds({ start, end }: Pick<KeyRange, 'start' | 'end'>): { key: Buffer; range_end?: Buffer } {
  return end === null ? { key: start } : { key: start, range_end: end };
}

/** A prefix as the settings name it. */
export function named(prefix: string): string {
  return prefix === '' ? '/' : prefix;
}

/** Whether a key lies in a range. */
export function isWithin({ start, end }: KeyRange, key: Buffer): boolean {
  if (end === null) {
    return start.equals(key);
  }
  return Buffer.compare(start, key) <= 0 && Buffer.compare(key, end) < 0;
}

function normalize(prefix: string): string {
  if (prefix.startsWith('/')) {
    return prefix.replace(/\/+$/, '');
  }
  throw new UsageError(`reading the watched prefixes: ${JSON.stringify(prefix)} does not begin with "/"`, {
    hint: `write ${JSON.stringify(`/${prefix}`)}`,
  });
}

/** Leaves out what lies inside another one. */
function outermost(prefixes: readonly string[]): readonly string[] {
  const all = [...new Set(prefixes)].sort();
  return all.filter((prefix) => !all.some((other) => other !== prefix && prefix.startsWith(`${other}/`)));
}
