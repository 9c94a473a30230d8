import { cleanPath } from '../../render/functions/paths.ts';
import type { ConfdSettings } from './read-confd-toml.ts';
import type { Resource } from './read-resource.ts';

/** confd's prefix goes before the resource's own, as in its living fork; of old ones it took its place. */
export function prefixOf(resource: Resource, confd: ConfdSettings): string {
  return cleanPath(`/${confd.prefix}/${resource.prefix}`);
}

/** The full keys that a resource reads. */
export function keysOf(resource: Resource, confd: ConfdSettings): readonly string[] {
  const prefix = prefixOf(resource, confd);
  return [...new Set(resource.keys.map((key) => cleanPath(`${prefix}/${key}`)))];
}

/** The mode of the file: what confd gave a new one. */
export function modeOf({ mode }: Resource): string {
  return mode !== undefined && /^0?[0-7]{3}$/.test(mode) ? mode : '0644';
}

/** A duration of Go's that is one of ours: `30s`, not `1m30s`. */
export function durationOf(text: string | undefined): string | undefined {
  return text !== undefined && /^\d+(?:ms|s|m|h)$/.test(text) ? text : undefined;
}
