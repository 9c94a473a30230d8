import type { PageView } from './page-view.ts';

/** What of the view before is another one now, or gone, as JSON; null where nothing is. */
export function pageDiff(before: PageView, after: PageView): string | null {
  const set = [...after].filter(([name, value]) => before.get(name) !== value).map(pair);
  const gone = [...before.keys()].filter((name) => !after.has(name));
  return set.length === 0 && gone.length === 0
    ? null
    : `{"set":[${set.join(',')}]${gone.length === 0 ? '' : `,"gone":${JSON.stringify(gone)}`}}`;
}

/** All of a view, as JSON. */
export function wholePage(view: PageView): string {
  return `{"all":[${[...view].map(pair).join(',')}]}`;
}

function pair([name, value]: readonly [string, string]): string {
  return `[${JSON.stringify(name)},${value}]`;
}
