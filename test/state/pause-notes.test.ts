import { readdir, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { createPauseNotes, removePause, writePause } from '../../src/state/pause-notes.ts';
import { createPendingNote } from '../../src/state/pending-note.ts';
import { tempFolder } from '../support/haproxy.ts';

describe('the pause of this host', () => {
  test('is written, read by anybody and taken back; a broken or old one is none', async () => {
    await using folder = await tempFolder();
    const state = path.join(folder.path, 'state');
    const notes = createPauseNotes(state);
    expect(await notes.read()).toBeNull();
    const until = Date.now() + 60_000;
    await writePause(state, { until, by: 'uid 7 (ann)' });
    expect(await notes.read()).toEqual({ until, by: 'pointsman pause by uid 7 (ann)' });
    expect((await stat(path.join(state, 'pause'))).mode & 0o777).toBe(0o644);
    expect(await readdir(state)).toEqual(['pause']);
    expect(await removePause(state, 'uid 8 (bob)')).toEqual({ until, by: 'pointsman pause by uid 7 (ann)' });
    expect([await notes.read(), await removePause(state, 'uid 9')]).toEqual([null, null]);
    expect([await notes.takenBackBy(until), await notes.takenBackBy(until + 1)]).toEqual([
      'uid 8 (bob)',
      null,
    ]);
    await writePause(state, { until: Date.now() - 1, by: 'uid 7' });
    expect(await notes.read()).toBeNull();
    await writeFile(path.join(state, 'pause'), '{"until":');
    expect(await notes.read()).toBeNull();
  });

  test('names the path and the reason where it cannot be written', async () => {
    await using folder = await tempFolder();
    const file = path.join(folder.path, 'file');
    await writeFile(file, '');
    await expect(writePause(path.join(file, 'state'), { until: Date.now(), by: 'uid 7' })).rejects.toThrow(
      /writing .*pause: /,
    );
  });

  test('since when a key is there survives a restart', async () => {
    await using folder = await tempFolder();
    expect((await createPauseNotes(folder.path).firstSeen(['a'], 1000)).get('a')).toBe(1000);
    const later = await createPauseNotes(folder.path).firstSeen(['a', 'b'], 2000);
    expect([...later]).toEqual([
      ['a', 1000],
      ['b', 2000],
    ]);
    await createPauseNotes(folder.path).firstSeen([], 3000);
    expect((await createPauseNotes(folder.path).firstSeen(['a'], 4000)).get('a')).toBe(4000);
  });
});

describe('the note of a pending load', () => {
  test('is there until it is cleared, and a broken one is none', async () => {
    await using folder = await tempFolder();
    const note = createPendingNote(folder.path);
    expect(await note.read()).toBeNull();
    await note.write('0123456789abcdef');
    expect(await createPendingNote(folder.path).read()).toBe('0123456789abcdef');
    await note.clear();
    expect(await note.read()).toBeNull();
    await writeFile(path.join(folder.path, 'pending'), '0123');
    expect(await note.read()).toBeNull();
  });
});
