import { readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { GUARD_RULES, type GuardRule } from '../events-guard.ts';
import type { Entry } from '../model/entry.ts';
import { shorten } from '../model/shorten.ts';
import { type Origin, type Places, placesNow, writtenOrigin } from '../ports/origin.ts';
import type { BelievedStore, CachedTree, Hold, LayerAge, LoadedState } from '../ports/stores.ts';
import { holdsAt, treeAt } from './moved-sources.ts';
import { readRows, writeRows, writeStateFile } from './state-file.ts';

const TREE = 'tree';
const HOLDS = 'holds';
const RELEASE = 'release';

export interface BelievedFilesOptions {
  readonly stateDir: string;
  /** Of which sources and prefixes the tree is: what is written of others is not used. */
  readonly origin: Origin;
}

/** The believed tree, the holds and a request to release them, as files of `stateDir`. */
export function believedFiles({ stateDir, origin }: BelievedFilesOptions): BelievedStore {
  const tree = path.join(stateDir, TREE);
  const holds = path.join(stateDir, HOLDS);
  const release = path.join(stateDir, RELEASE);
  return {
    load: async () => {
      const words: string[] = [];
      const found = await load(tree, { what: TREE, origin, words, read: readTree, at: treeAt });
      const held = await load(holds, { what: HOLDS, origin, words, read: readHolds, at: holdsAt });
      return { tree: found ?? null, holds: held ?? [], words } satisfies LoadedState;
    },
    saveTree: ({ entries, revisions, freshAt, layers, sinceGood }) =>
      writeRows(tree, TREE, {
        meta: {
          ...writtenOrigin(origin),
          freshAt,
          revisions: revisions.map((one) => (one === null ? null : String(one))),
          ...(layers && { layers: layers.map(rowOfLayer) }),
          accepted: sinceGood === null ? 'never' : 'but for these',
        },
        // What a limit kept out is named, so that a start from here does not take its beginning for its value.
        rows: [...entries.map(rowOfTree), ...[...(sinceGood ?? [])].map(rowOfGood)],
      }),
    saveHolds: async (held) => {
      if (held.length === 0) {
        return rm(holds, { force: true });
      }
      // What a limit keeps out goes by its form: the rest of its value is not there to come back.
      const whole = held.flatMap(({ entry, ...hold }) => {
        const form = entry.refused === undefined ? entry : entry.kept?.form;
        return form ? [{ entry: form, ...hold }] : [];
      });
      const rows = whole.map(({ entry, rule, since }) => [...rowOf(entry), rule, since, ...restOf(entry)]);
      return writeRows(holds, HOLDS, { meta: { ...writtenOrigin(origin) }, rows });
    },
    releaseAsked: async () =>
      callerIn(
        await readFile(release, 'utf8').catch((error: NodeJS.ErrnoException) =>
          error.code === 'ENOENT' ? null : '',
        ),
      ),
    releaseDone: () => rm(release, { force: true }),
  };
}

/** What was believed last, for those who only look: nothing is set aside. Null where it cannot be used. */
export async function readBelieved({ stateDir, origin }: BelievedFilesOptions): Promise<CachedTree | null> {
  const found = await readRows(path.join(stateDir, TREE), TREE).catch(() => null);
  const places = found?.kind === 'good' ? placesOf(found.meta, origin) : null;
  const tree = found?.kind === 'good' && places ? readTree(found.meta, found.rows) : null;
  return tree && places && places !== 'same' ? treeAt(tree, places) : tree;
}

/** What was held last, for those who only look; empty where that cannot be used. */
export async function readHeld({ stateDir, origin }: BelievedFilesOptions): Promise<readonly Hold[]> {
  const found = await readRows(path.join(stateDir, HOLDS), HOLDS).catch(() => null);
  const places = found?.kind === 'good' ? placesOf(found.meta, origin) : null;
  const holds = found?.kind === 'good' && places ? (readHolds(found.meta, found.rows) ?? []) : [];
  return places && places !== 'same' ? holdsAt(holds, places) : holds;
}

/** Asks the daemon that uses this state folder, or the next one, to believe the disappearance; `by` is who asks. */
export async function askRelease(stateDir: string, by: string): Promise<string> {
  const file = path.join(stateDir, RELEASE);
  const text = `${JSON.stringify({ at: new Date().toISOString(), by })}\n`;
  await writeStateFile(file, text, { outlives: 'our crash' });
  return file;
}

/** Whether a release is asked for that nobody has done yet. */
export async function isReleaseAsked(stateDir: string): Promise<boolean> {
  return (await stat(path.join(stateDir, RELEASE)).catch(() => null)) !== null;
}

/** Who wrote a request: an older one does not say it, and any file there is one. */
function callerIn(text: string | null): string | null {
  try {
    const { by }: { by?: unknown } = JSON.parse(text ?? 'null') ?? {};
    return text === null ? null : typeof by === 'string' ? shorten(by) : '';
  } catch {
    return '';
  }
}

/** Whether a believed tree lies in a state folder, of whatever source. */
export async function hasBelievedTree(stateDir: string): Promise<boolean> {
  return (await stat(path.join(stateDir, TREE)).catch(() => null)) !== null;
}

/** How many holds lie in a state folder, whatever source they are of. */
export async function countHolds(stateDir: string): Promise<number> {
  const found = await readRows(path.join(stateDir, HOLDS), HOLDS);
  return found.kind === 'good' ? found.rows.length : 0;
}

interface Loading<T> {
  readonly what: string;
  readonly origin: Origin;
  /** Gets what a person should be told. */
  readonly words: string[];
  readonly read: (meta: Readonly<Record<string, unknown>>, rows: readonly unknown[]) => T | null;
  readonly at: (value: T, places: Places) => T;
}

/** What is broken, or of none of our sources, is set aside, with a word. */
async function load<T>(file: string, { what, origin, words, read, at }: Loading<T>): Promise<T | undefined> {
  const found = await readRows(file, what);
  if (found.kind === 'absent') {
    return undefined;
  }
  const places = found.kind === 'good' ? placesOf(found.meta, origin) : null;
  const foreign = found.kind === 'good' && places === null;
  const value = found.kind === 'good' && places ? read(found.meta, found.rows) : null;
  if (value !== null && places !== null) {
    if (places === 'same') {
      return value;
    }
    words.push(
      `reading ${file}: the sources in the settings are others than before: used for those that are the same`,
    );
    return at(value, places);
  }
  const aside = `${file}.${foreign ? 'foreign' : 'broken'}`;
  await rename(file, aside).catch(() => undefined);
  const why = foreign
    ? 'it is of other sources or prefixes'
    : found.kind === 'broken'
      ? found.why
      : 'its rows';
  words.push(`reading ${file}: not used, ${why}; it is set aside as ${aside}`);
  return undefined;
}

function placesOf(
  { origin, sources }: Readonly<Record<string, unknown>>,
  now: Origin,
): Places | 'same' | null {
  const isText = (one: unknown) => typeof one === 'string';
  const then = Array.isArray(sources) && sources.every(isText) ? { sources } : {};
  return isText(origin) ? placesNow({ origin, ...then }, now) : null;
}

function rowOf({ key, value, source, created, modified }: Entry): readonly unknown[] {
  return [key, value, source, String(created), String(modified)];
}

function rowOfTree(entry: Entry): readonly unknown[] {
  return [...rowOf(entry), ...restOf(entry)];
}

/** Why it was kept out, and what stands in its place; nothing where it is as it should be. */
function restOf({ refused, kept }: Entry): readonly unknown[] {
  if (kept) {
    return [refused ?? null, kept.since, rowOf(kept.form)];
  }
  return refused === undefined ? [] : [refused];
}

function rowOfLayer(layer: LayerAge | null): object | null {
  return layer && { freshAt: layer.freshAt, refused: Object.fromEntries(layer.refused) };
}

/** What a key was when all was accepted for the last time. */
function rowOfGood([key, entry]: readonly [string, Entry | undefined]): object {
  return { key, good: entry ? rowOfTree(entry) : null };
}

function readTree(meta: Readonly<Record<string, unknown>>, all: readonly unknown[]): CachedTree | null {
  const { freshAt, revisions, accepted } = meta;
  const entries = all.filter((row) => Array.isArray(row)).map(entryOfTree);
  const good = new Map<string, Entry | undefined>();
  for (const row of all.slice(entries.length)) {
    const [key, entry] = goodOf(row) ?? [];
    if (key === undefined) {
      return null;
    }
    good.set(key, entry);
  }
  if (typeof freshAt !== 'number' || !Array.isArray(revisions)) {
    return null;
  }
  if (!entries.every((entry) => entry !== null)) {
    return null;
  }
  const read = revisions.map((one: unknown) => (typeof one === 'string' ? BigInt(one) : null));
  const layers = Array.isArray(meta.layers) ? meta.layers.map(layerOf) : undefined;
  return {
    entries,
    freshAt,
    revisions: read,
    ...(layers && { layers }),
    sinceGood: accepted === 'but for these' ? good : null,
  };
}

function layerOf(row: unknown): LayerAge | null {
  if (typeof row !== 'object' || row === null || !('freshAt' in row) || typeof row.freshAt !== 'number') {
    return null;
  }
  const refused =
    'refused' in row && typeof row.refused === 'object' ? Object.entries(row.refused ?? {}) : [];
  const ages = refused.map(([prefix, at]) => [prefix, typeof at === 'number' ? at : null] as const);
  return { freshAt: row.freshAt, refused: new Map(ages) };
}

function goodOf(row: unknown): readonly [string, Entry | undefined] | null {
  if (typeof row !== 'object' || row === null || !('key' in row) || typeof row.key !== 'string') {
    return null;
  }
  if (!('good' in row) || row.good === null) {
    return [row.key, undefined];
  }
  const entry = entryOfTree(row.good);
  return entry && [row.key, entry];
}

function readHolds(_: unknown, rows: readonly unknown[]): readonly Hold[] | null {
  const holds = rows.map((row): Hold | null => {
    const entry = wholeEntryOf(row, 7);
    const [rule, since]: readonly unknown[] = Array.isArray(row) ? row.slice(5) : [];
    return entry && isRule(rule) && typeof since === 'number' ? { entry, rule, since } : null;
  });
  return holds.every((hold) => hold !== null) ? holds : null;
}

function entryOf(row: unknown): Entry | null {
  if (!Array.isArray(row)) {
    return null;
  }
  const [key, value, source, created, modified]: readonly unknown[] = row;
  if (typeof key !== 'string' || typeof value !== 'string' || typeof source !== 'number') {
    return null;
  }
  if (typeof created !== 'string' || typeof modified !== 'string') {
    return null;
  }
  return { key, value, source, created: BigInt(created), modified: BigInt(modified) };
}

function entryOfTree(row: unknown): Entry | null {
  return wholeEntryOf(row, 5);
}

/** The entry of a row, with what stands in it from column `at` on. */
function wholeEntryOf(row: unknown, at: number): Entry | null {
  const entry = entryOf(row);
  const [refused, since, form]: readonly unknown[] = Array.isArray(row) ? row.slice(at) : [];
  const kept = entryOf(form);
  return (
    entry && {
      ...entry,
      ...(typeof refused === 'string' ? { refused } : {}),
      ...(typeof since === 'number' && kept ? { kept: { since, form: kept } } : {}),
    }
  );
}

function isRule(rule: unknown): rule is GuardRule {
  return GUARD_RULES.some((one) => one === rule);
}
