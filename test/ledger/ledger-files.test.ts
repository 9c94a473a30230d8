import { spawn } from 'node:child_process';
import {
  appendFile,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  truncate,
  writeFile,
} from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { hashOfText } from '../../src/ledger/lines.ts';
import { readLedger } from '../../src/ledger/read-ledger.ts';
import { type LedgerLimits, SegmentWriter } from '../../src/ledger/segment-writer.ts';
import { tempFolder } from '../support/haproxy.ts';
import { draft, textOf } from './samples.ts';

/** Writes entries `from` to `to`, each of which changes the port of the one before. */
async function fill(stateDir: string, { from = 1, to = 3, limits = {} as LedgerLimits } = {}): Promise<void> {
  const writer = new SegmentWriter(stateDir, limits);
  for (let at = from; at <= to; at++) {
    expect(await writer.append(draft(at === 1 ? null : at - 1, at))).toBe(at);
  }
}

const segments = (stateDir: string) => readdir(path.join(stateDir, 'history'));

test('what is written is read back, the newest first, and each text is rebuilt of a base and diffs', async () => {
  await using folder = await tempFolder();
  await fill(folder.path, { to: 30 });
  const ledger = readLedger(folder.path);
  const found = await ledger.history({ limit: 3 });
  expect(found.map(({ number }) => number)).toEqual([30, 29, 28]);
  expect(found[0]).toMatchObject({ files: [{ added: 1, removed: 1, diff: null }], services: ['web'] });
  expect((await ledger.entry(7))?.files[0]?.diff).toContain(
    '-  server s 127.0.0.1:6\n+  server s 127.0.0.1:7\n',
  );
  for (let number = 1; number <= 30; number++) {
    expect((await ledger.textOf(number))?.text).toBe(textOf(number));
  }
  expect((await ledger.textOf(1, 'before'))?.text).toBe('');
  expect(await ledger.entry(31)).toBeNull();
  expect(await readFile(path.join(folder.path, 'history', '0000000001.ledger'), 'utf8')).not.toContain(
    '"base":"undefined"',
  );
});

test('entries are asked for by service, key, time, and page by page', async () => {
  await using folder = await tempFolder();
  const writer = new SegmentWriter(folder.path, { entries: 4 });
  for (let at = 1; at <= 10; at++) {
    await writer.append(draft(at === 1 ? null : at - 1, at, { services: [at % 2 === 0 ? 'even' : 'odd'] }));
  }
  const numbers = async (query: Parameters<ReturnType<typeof readLedger>['history']>[0]) =>
    (await readLedger(folder.path).history(query)).map(({ number }) => number);
  expect(await numbers({ service: 'odd' })).toEqual([9, 7, 5, 3, 1]);
  expect(await numbers({ key: '/services/web/s4' })).toEqual([4]);
  expect(await numbers({ since: 1_800_000_008_000 })).toEqual([10, 9, 8]);
  expect(await numbers({ from: 5, limit: 2 })).toEqual([4, 3]);
  expect(await numbers({ from: 1 })).toEqual([]);
});

test('cut at any byte, it is read as far as it goes, and goes on with a number that nobody has', async () => {
  await using folder = await tempFolder();
  await fill(folder.path);
  const file = path.join(folder.path, 'history', '0000000001.ledger');
  const whole = await readFile(file);
  const ends = [...whole.toString().matchAll(/\n/g)].map(({ index }) => index);
  for (let length = 0; length < whole.length; length++) {
    // The gate looks at each byte near the ends of lines only.
    if (!process.env.TEST_ALL && !ends.some((end) => Math.abs(end - length) < 3) && length % 40 !== 0) {
      continue;
    }
    await writeFile(file, whole.subarray(0, length));
    const ledger = readLedger(folder.path);
    const before = await ledger.history({});
    const left = before.map(({ number }) => number);
    expect(left).toEqual([3, 2, 1].slice(3 - left.length));
    const number = await new SegmentWriter(folder.path).append(draft(3, 9));
    expect(number).toBe(left.length + 1);
    expect(await ledger.history({})).toHaveLength(left.length + 1);
    expect((await ledger.textOf(number))?.text).toBe(textOf(9));
    for (const one of left) {
      expect((await ledger.textOf(one))?.text).toBe(textOf(one));
    }
  }
});

test('a line that is broken in the middle costs itself, and the texts that were made of it', async () => {
  await using folder = await tempFolder();
  await fill(folder.path, { to: 5 });
  const file = path.join(folder.path, 'history', '0000000001.ledger');
  await writeFile(file, (await readFile(file, 'utf8')).replace('127.0.0.1:3', '127.0.0.1:8'));
  const ledger = readLedger(folder.path);
  expect((await ledger.history({})).map(({ number }) => number)).toEqual([5, 4, 2, 1]);
  expect(await Promise.all([1, 2, 3, 4].map(async (one) => (await ledger.textOf(one))?.text))).toEqual([
    textOf(1),
    textOf(2),
    undefined,
    undefined,
  ]);
  expect(await new SegmentWriter(folder.path).append(draft(5, 6))).toBe(6);
  expect((await ledger.textOf(6))?.text).toBe(textOf(6));
});

test('the oldest go, by count and by bytes, and their numbers are not used again', async () => {
  await using folder = await tempFolder();
  const limits = { entries: 300, segmentBytes: 4096, bytes: 40_000, packed: 4096 };
  await fill(folder.path, { to: 100, limits });
  const sizes = await Promise.all(
    (await segments(folder.path)).map(
      async (name) => (await stat(path.join(folder.path, 'history', name))).size,
    ),
  );
  expect(sizes.length).toBeGreaterThan(2);
  expect(sizes.reduce((sum, size) => sum + size)).toBeLessThanOrEqual(40_000);
  const ledger = readLedger(folder.path);
  const [newest] = await ledger.history({});
  expect(newest?.number).toBe(100);
  expect(await ledger.entry(1)).toBeNull();
  await fill(folder.path, { from: 101, to: 103, limits });
  expect((await ledger.textOf(103))?.text).toBe(textOf(103));
});

test('1,000 entries are shown, and not many more lie there', async () => {
  await using folder = await tempFolder();
  const writer = new SegmentWriter(folder.path, { entries: 100 });
  for (let at = 1; at <= 1250; at++) {
    await writer.append(draft(at === 1 ? null : at - 1, at));
  }
  expect(await readLedger(folder.path).history({ limit: 5000 })).toHaveLength(1000);
  expect(await segments(folder.path)).toHaveLength(11);
}, 60_000);

test('what a newer version wrote is left as it is, and its numbers are nobody else', async () => {
  await using folder = await tempFolder();
  await fill(folder.path);
  const file = path.join(folder.path, 'history', '0000000001.ledger');
  const text = (await readFile(file, 'utf8')).replace(/^\S+ \{"version":1\}/, () => {
    const json = '{"version":2}';
    return `${hashOfText(json)} ${json}`;
  });
  await writeFile(file, text);
  expect(await readLedger(folder.path).history({})).toEqual([]);
  expect(await new SegmentWriter(folder.path).append(draft(3, 4))).toBe(4);
  expect(await readFile(file, 'utf8')).toBe(text);
  expect(await readLedger(folder.path).history({})).toHaveLength(1);
});

test('somebody who removes or cuts a segment while it is written costs what was in it', async () => {
  await using folder = await tempFolder();
  const writer = new SegmentWriter(folder.path);
  await writer.append(draft(null, 1));
  await writer.append(draft(1, 2));
  await truncate(path.join(folder.path, 'history', '0000000001.ledger'), 40);
  expect(await writer.append(draft(2, 3))).toBe(3);
  const ledger = readLedger(folder.path);
  expect((await ledger.history({})).map(({ number }) => number)).toEqual([3]);
  expect((await ledger.textOf(3))?.text).toBe(textOf(3));
});

test('a folder that is none is said, and its number is still to come', async () => {
  await using folder = await tempFolder();
  const writer = new SegmentWriter(folder.path);
  await writer.append(draft(null, 1));
  const history = path.join(folder.path, 'history');
  await rename(history, `${history}.away`);
  await writeFile(history, '');
  await expect(writer.append(draft(1, 2))).rejects.toThrow(/writing the ledger in /);
  await rm(history);
  await rename(`${history}.away`, history);
  expect(await writer.append(draft(1, 2))).toBe(2);
});

test('killed at any moment, what was said to be written is there, and no number comes twice', async () => {
  await using folder = await tempFolder();
  const module = (name: string) => JSON.stringify(pathToFileURL(path.resolve(name)).href);
  const program = `
    const { SegmentWriter } = await import(${module('src/ledger/segment-writer.ts')});
    const { draft } = await import(${module('test/ledger/samples.ts')});
    const writer = new SegmentWriter(${JSON.stringify(folder.path)}, { entries: 7 });
    for (let at = 2; ; at++) {
      console.log(await writer.append(draft(at - 1, at)));
    }`;
  let last = 0;
  for (let life = 0; life < 5; life++) {
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let said = '';
    for await (const part of child.stdout) {
      said += String(part);
      if (said.split('\n').length > 3 + life) {
        child.kill('SIGKILL');
      }
    }
    const numbers = said.split('\n').slice(0, -1).map(Number);
    expect(numbers[0]).toBeGreaterThan(last);
    expect(numbers).toEqual(numbers.map((_, at) => (numbers[0] ?? 0) + at));
    last = numbers.at(-1) ?? 0;
    const ledger = readLedger(folder.path);
    const found = (await ledger.history({ limit: 1000 })).map(({ number }) => number);
    expect(found[0]).toBeGreaterThanOrEqual(last);
    expect(new Set(found).size).toBe(found.length);
    expect(found).toEqual(expect.arrayContaining(numbers));
    expect(await ledger.textOf(last)).not.toBeNull();
    await appendFile(
      path.join(folder.path, 'history', (await segments(folder.path)).sort().at(-1) ?? ''),
      '0123',
    );
    last = found[0] ?? last;
  }
}, 60_000);

test('whatever becomes of the folder while it is written, a number that was given is not given again', async () => {
  await using folder = await tempFolder();
  const history = path.join(folder.path, 'history');
  const writer = new SegmentWriter(folder.path, { entries: 2 });
  for (let at = 1; at <= 4; at++) {
    await writer.append(draft(at === 1 ? null : at - 1, at));
  }
  // Nothing of it is left, and its place is taken.
  await rm(history, { recursive: true });
  await mkdir(path.join(history, '0000000005.ledger'), { recursive: true });
  await expect(writer.append(draft(4, 5))).rejects.toThrow(/EISDIR/);
  await rm(history, { recursive: true });
  const number = await writer.append(draft(4, 5));
  expect(number).toBeGreaterThanOrEqual(5);
  expect((await readLedger(folder.path).textOf(number))?.text).toBe(textOf(5));
  await rm(history, { recursive: true });
  expect(await writer.append(draft(5, 6))).toBe(number + 1);
});

test('a segment that cannot be read has numbers that are not known, so nothing is written until it can be', async () => {
  await using folder = await tempFolder();
  await fill(folder.path);
  const file = path.join(folder.path, 'history', '0000000001.ledger');
  await rename(file, `${file}.away`);
  await mkdir(file);
  await expect(new SegmentWriter(folder.path).append(draft(3, 4))).rejects.toThrow(/EISDIR/);
  expect(await readLedger(folder.path).history({})).toEqual([]);
  await rm(file, { recursive: true });
  await rename(`${file}.away`, file);
  expect(await new SegmentWriter(folder.path).append(draft(3, 4))).toBe(4);
});
