/** Where in the tree JSON values stand: the prefixes of services and of routes. */
export interface TreeShape {
  readonly services: readonly string[];
  readonly routes: readonly string[];
}

/** Whether a map at `path` is one JSON value: `<services>/<service>/<instance>` or `<routes>/<service>`. */
export function isJsonPlace(path: string, shape: TreeShape): boolean {
  return (
    shape.services.some((prefix) => segmentsBelow(prefix, path) === 2) ||
    shape.routes.some((prefix) => segmentsBelow(prefix, path) === 1)
  );
}

function segmentsBelow(prefix: string, path: string): number {
  const base = `${prefix.replace(/\/+$/, '')}/`;
  if (!path.startsWith(base)) {
    return 0;
  }
  const segments = path.slice(base.length).split('/');
  return segments.includes('') ? 0 : segments.length;
}
