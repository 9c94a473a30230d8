import type { Settings } from './settings.ts';

/** The settings that the daemon takes while it runs; all others need a restart. Keys of the schema, or sections of it. */
export const LIVE_SETTINGS = ['vars', 'pace', 'guard', 'limits', 'log'] as const satisfies (keyof Settings)[];

/** Sections that other commands of the same file go by. */
const OF_OTHERS: ReadonlySet<string> = new Set(['announce', 'sync']);

/** By what two settings differ for the daemon. Dotted keys: of `vars` each by itself, of `sources` all in one. */
export interface SettingsDifference {
  /** Of `LIVE_SETTINGS`. */
  readonly live: readonly string[];
  readonly restart: readonly string[];
}

/** Compares settings as they were checked. */
export function differenceOf(before: Settings, after: Settings): SettingsDifference {
  const keys = changedKeys(before, after).filter((key) => !OF_OTHERS.has(sectionOf(key)));
  return { live: keys.filter(isLive), restart: keys.filter((key) => !isLive(key)) };
}

/** Whether a dotted key is taken while the daemon runs. */
export function isLive(key: string): boolean {
  return (LIVE_SETTINGS as readonly string[]).includes(sectionOf(key));
}

/** What the daemon runs with after a change: its own settings, and of `next` what it takes while it runs. */
export function withLive(running: Settings, next: Settings): Settings {
  return { ...running, ...Object.fromEntries(LIVE_SETTINGS.map((section) => [section, next[section]])) };
}

/** The dotted keys whose values are others, of all sections but the path of the file. */
export function changedKeys(before: Settings, after: Settings): readonly string[] {
  const { configFile: _, ...one } = before;
  const { configFile: __, ...other } = after;
  return keysBetween(one, other, '');
}

function keysBetween(before: object, after: object, above: string): readonly string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].sort().flatMap((name) => {
    const [one, other] = [Reflect.get(before, name), Reflect.get(after, name)];
    const key = `${above}${name}`;
    if (isSame(one, other)) {
      return [];
    }
    return above === '' && isMap(one) && isMap(other) ? keysBetween(one, other, `${key}.`) : [key];
  });
}

/** As they are written: numbers of `vars` may be the same and read otherwise. */
function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function isMap(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function sectionOf(key: string): string {
  return key.split('.', 1)[0] ?? key;
}
