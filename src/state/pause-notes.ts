import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { shorten } from '../model/shorten.ts';
import type { HeldPauses, PauseNotes, PauseWish } from '../ports/stores.ts';
import { removeStateFile, writeStateFile } from './state-file.ts';
import { NOTE_VERSION, STATE_VERSIONS } from './versions.ts';

/**
 * The pause of this host, in `stateDir`/pause: a line of JSON, `{"until":"2026-03-01T14:30:00.000Z","by":"uid 0 (root)"}`. Everybody may
 * read it, so that it counts whoever wrote it, and `until` says so in every version. Beside it lies since when the pause keys of the fleet are there.
 */
export function createPauseNotes(stateDir: string): PauseNotes {
  const seenFile = path.join(stateDir, 'pause-keys');
  let seen: ReadonlyMap<string, number> | undefined;
  return {
    async read() {
      const note = await readJson(pauseFile(stateDir));
      const until = Date.parse(String(note?.until));
      const by = typeof note?.by === 'string' ? `pointsman pause by ${shorten(note.by)}` : 'pointsman pause';
      return Number.isNaN(until) || until <= Date.now() ? null : { until, by };
    },
    async tell(held) {
      const file = heldFile(stateDir);
      // Where it cannot be written, whoever waits for it says so.
      if (held === null) {
        await rm(file, { force: true }).catch(() => undefined);
      } else {
        await writeNote(file, { version: STATE_VERSIONS['pause-held'], ...held }).catch(() => undefined);
      }
    },
    async takenBackBy(until) {
      const note = await readJson(endedFile(stateDir));
      return Date.parse(String(note?.until)) === until && typeof note?.by === 'string'
        ? shorten(note.by)
        : null;
    },
    async firstSeen(ids, now) {
      const before = seen ?? timesOf(await readJson(seenFile));
      const after = new Map(ids.map((id) => [id, before.get(id) ?? now]));
      const changed = after.size !== before.size || ids.some((id) => !before.has(id));
      seen = after;
      // Where it cannot be written, a restart counts anew: no reason not to pause.
      if (changed) {
        await writeNote(seenFile, {
          version: STATE_VERSIONS['pause-keys'],
          ...Object.fromEntries(after),
        }).catch(() => undefined);
      }
      return after;
    },
  };
}

/** Writes the pause of this host (`by` is who wants it: `uid 0 (root)`), which a daemon notices within 1 s, and a later one at its start. Throws a `SystemError`. */
export async function writePause(stateDir: string, { until, by }: PauseWish): Promise<void> {
  await writeNote(pauseFile(stateDir), { version: NOTE_VERSION, until: new Date(until).toISOString(), by });
}

/** What the daemon of this state folder says of the pauses that it holds; null where it says nothing. */
export async function readHeldPauses(stateDir: string): Promise<HeldPauses | null> {
  const found = await readJson(heldFile(stateDir));
  if (!found || !Array.isArray(found.others)) {
    return null;
  }
  const others = found.others.flatMap((one: Partial<PauseWish> | null) => {
    if (typeof one?.until !== 'number' || typeof one.by !== 'string' || one.until <= Date.now()) {
      return [];
    }
    return [{ until: one.until, by: one.by }];
  });
  return { host: typeof found.host === 'number' ? found.host : null, others };
}

/** Takes it back for whom `by` names, and gives the pause that it ended, if there was one. Throws a `SystemError`. */
export async function removePause(stateDir: string, by: string): Promise<PauseWish | null> {
  const before = await createPauseNotes(stateDir).read();
  if (before) {
    const until = new Date(before.until).toISOString();
    // On a full disk it ends all the same, and nobody is named.
    await writeNote(endedFile(stateDir), { version: STATE_VERSIONS['pause-ended'], until, by }).catch(
      () => undefined,
    );
  }
  await removeStateFile(pauseFile(stateDir));
  return before;
}

function endedFile(stateDir: string): string {
  return path.join(stateDir, 'pause-ended');
}

function heldFile(stateDir: string): string {
  return path.join(stateDir, 'pause-held');
}

function pauseFile(stateDir: string): string {
  return path.join(stateDir, 'pause');
}

/** Whoever may pause need not be the daemon's user, which has to read it; the folder keeps others out. */
function writeNote(file: string, value: object): Promise<void> {
  return writeStateFile(file, `${JSON.stringify(value)}\n`, { mode: 0o644, outlives: 'our crash' });
}

async function readJson(file: string): Promise<Record<string, unknown> | null> {
  try {
    const value: unknown = JSON.parse(await readFile(file, 'utf8'));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function timesOf(json: Record<string, unknown> | null): ReadonlyMap<string, number> {
  const { version: _, ...times } = json ?? {};
  const pairs = Object.entries(times);
  return new Map(pairs.flatMap(([id, at]) => (typeof at === 'number' ? [[id, at] as const] : [])));
}
