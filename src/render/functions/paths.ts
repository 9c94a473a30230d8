import { withoutEndSlashes } from '../../model/tree.ts';
import { text } from './arguments.ts';

/** confd's functions on paths, with the meaning of Go's `path` package. */
export const PATH_FUNCTIONS = {
  /** The last part: `base("/a/b/")` is `b`. */
  base(path: unknown): string {
    const whole = text(path, 'the path');
    const trimmed = withoutEndSlashes(whole);
    return whole === '' ? '.' : trimmed === '' ? '/' : trimmed.slice(trimmed.lastIndexOf('/') + 1);
  },
  /** All but the last part: `dir("/a/b")` is `/a`, `dir("/a/b/")` is `/a/b`. */
  dir(path: unknown): string {
    const whole = text(path, 'the path');
    return cleanPath(whole.slice(0, whole.lastIndexOf('/') + 1));
  },
};

/** Go's `path.Clean`: the shortest path that means the same. */
export function cleanPath(path: string): string {
  const rooted = path.startsWith('/');
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..' && parts.length > 0 && parts.at(-1) !== '..') {
      parts.pop();
    } else if (part === '..' ? !rooted : part !== '' && part !== '.') {
      parts.push(part);
    }
  }
  const joined = (rooted ? '/' : '') + parts.join('/');
  return joined === '' ? '.' : joined;
}
