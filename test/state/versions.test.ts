import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { HandRecord } from '../../src/haproxy/hand-record.ts';
import { ServerJournal } from '../../src/haproxy/server-journal.ts';
import { hashText } from '../../src/plan/mark.ts';
import { readRecords, recordsText } from '../../src/quarantine/unit-records.ts';
import { believedFiles } from '../../src/state/believed-files.ts';
import { createPauseNotes, readHeldPauses, removePause, writePause } from '../../src/state/pause-notes.ts';
import { createPendingNote } from '../../src/state/pending-note.ts';
import { createRollbackNote } from '../../src/state/rollback-note.ts';
import { createStateFile } from '../../src/state/state-file.ts';
import { STATE_VERSIONS, setNewerAside } from '../../src/state/versions.ts';
import { entry } from '../support/catalog.ts';
import { tempFolder } from '../support/haproxy.ts';

const ORIGIN = { whole: 'o', sources: ['a'] };
const MARK = '0123456789abcdef';
const UNTIL = Date.now() + 3_600_000;
const WEB = entry('/services/web/a', '10.0.0.1:80', 7);

/** Has everybody who writes a file into a state folder write it. */
async function fill(stateDir: string): Promise<void> {
  const store = believedFiles({ stateDir, origin: ORIGIN });
  await store.saveTree({ entries: [WEB], revisions: [12n], freshAt: 1234, sinceGood: new Map() });
  await store.saveHolds([{ entry: WEB, rule: 'store', since: 99 }]);
  await createStateFile(stateDir, 'quarantine.json').write(recordsText([]));
  const journal = new ServerJournal(createStateFile(stateDir, 'server-journal.json'));
  journal.follow({ pid: 7, startedAt: 1 });
  await journal.save();
  const hands = new HandRecord({ file: createStateFile(stateDir, 'set-by-hand.json'), onTrouble: () => {} });
  const set = {
    backend: 'be_web',
    server: 'a',
    address: '10.0.0.1:80',
    admin: 'maint',
    weight: null,
  } as const;
  await hands.saw([set], { pid: 7, startedAt: 1 });
  const notes = createPauseNotes(stateDir);
  await notes.tell({ host: UNTIL, others: [] });
  await notes.firstSeen(['/ha/pointsman/pause 3 30m'], 1000);
  await writePause(stateDir, { until: UNTIL, by: 'uid 7' });
  await removePause(stateDir, 'uid 8');
  await writePause(stateDir, { until: UNTIL, by: 'uid 7' });
  await createPendingNote(stateDir).write(MARK);
  await createRollbackNote(stateDir).write({
    ...{ number: 7, mode: 'today', since: 1000, until: null, by: 'uid 7' },
    ...{ hash: hashText('global\n'), text: 'global\n' },
  });
}

describe('the files of a state folder', () => {
  test('each say their version', async () => {
    await using folder = await tempFolder();
    await fill(folder.path);
    const names = (await readdir(folder.path)).sort();
    expect(names).toEqual([...Object.keys(STATE_VERSIONS), 'pause', 'pending'].sort());
    for (const name of names) {
      const text = await readFile(path.join(folder.path, name), 'utf8');
      const said = /"version": ?(\d+)/.exec(text)?.[1];
      expect([name, Number(said)]).toEqual([name, (STATE_VERSIONS as Record<string, number>)[name] ?? 1]);
    }
    expect(await setNewerAside(folder.path)).toEqual([]);
  });

  test('are read as they were before they said one', async () => {
    await using folder = await tempFolder();
    const write = (name: string, text: string) => writeFile(path.join(folder.path, name), text);
    await write('pause', `{"until":"${new Date(UNTIL).toISOString()}"}\n`);
    await write('pause-keys', '{"/ha/pointsman/pause 3 30m":1000}');
    await write('pause-held', `{"host":${UNTIL},"others":[]}\n`);
    await write('pending', `${MARK}\n`);
    const leaver =
      '{"backend":"b","server":"s","address":"127.0.0.1:1","keywords":null,"since":1,"drainUntil":2,"phase":"leaving"}';
    await write('server-journal.json', `{"worker":{"pid":7,"startedAt":1},"leavers":[${leaver}]}`);
    expect(await setNewerAside(folder.path)).toEqual([]);
    const notes = createPauseNotes(folder.path);
    expect(await notes.read()).toEqual({ until: UNTIL, by: 'pointsman pause' });
    expect([...(await notes.firstSeen(['/ha/pointsman/pause 3 30m'], 2000)).values()]).toEqual([1000]);
    expect(await readHeldPauses(folder.path)).toEqual({ host: UNTIL, others: [] });
    expect(await createPendingNote(folder.path).read()).toBe(MARK);
    const journal = new ServerJournal(createStateFile(folder.path, 'server-journal.json'));
    await journal.load();
    expect(journal.all()).toHaveLength(1);
    const good = '{"key":"/haproxy/a","value":"5s","source":0,"created":"3","modified":"4"}';
    const unit = `{"id":"key /haproxy/a","kind":"key","name":"/haproxy/a","reason":"why","since":5,"good":[${good}]}`;
    expect(readRecords(`{"version":1,"units":[${unit}]}`)).toMatchObject([
      { unit: { id: 'key /haproxy/a' }, since: 5, good: [{ key: '/haproxy/a', value: '5s', modified: 4n }] },
    ]);
  });
});

describe('setNewerAside()', () => {
  test('sets aside what a newer version wrote, whole and with its rights, and says so; a pause and a pending load stay', async () => {
    await using folder = await tempFolder();
    await fill(folder.path);
    const names = await readdir(folder.path);
    for (const name of names) {
      const file = path.join(folder.path, name);
      await writeFile(file, (await readFile(file, 'utf8')).replace(/"version": ?1/, '"version":7'));
    }
    const before = await readFile(path.join(folder.path, 'holds'), 'utf8');
    const told = await setNewerAside(folder.path);
    expect(told.map(({ message }) => message).sort()).toEqual(
      Object.keys(STATE_VERSIONS)
        .sort()
        .map((name) => {
          const file = path.join(folder.path, name);
          return `reading ${file}: a newer Pointsman wrote it (version 7, this one reads up to 1); it is set aside as ${file}.v7`;
        }),
    );
    const aside = Object.keys(STATE_VERSIONS).map((name) => `${name}.v7`);
    expect((await readdir(folder.path)).sort()).toEqual([...aside, 'pause', 'pending'].sort());
    expect(await readFile(path.join(folder.path, 'holds.v7'), 'utf8')).toBe(before);
    expect((await stat(path.join(folder.path, 'holds.v7'))).mode & 0o777).toBe(0o600);
    expect(await createPauseNotes(folder.path).read()).toEqual({
      until: UNTIL,
      by: 'pointsman pause by uid 7',
    });
    expect(await createPendingNote(folder.path).read()).toBe(MARK);
    expect(await believedFiles({ stateDir: folder.path, origin: ORIGIN }).load()).toEqual({
      tree: null,
      holds: [],
      words: [],
    });
  });

  test('leaves a word in a value alone that looks like a version', async () => {
    await using folder = await tempFolder();
    const store = believedFiles({ stateDir: folder.path, origin: ORIGIN });
    const tree = { revisions: [12n], freshAt: 1, sinceGood: null };
    await store.saveTree({ ...tree, entries: [entry('/haproxy/a', '"version": 9', 7)] });
    expect(await setNewerAside(folder.path)).toEqual([]);
    expect((await store.load()).tree?.entries).toHaveLength(1);
  });
});
