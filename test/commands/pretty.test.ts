import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

async function prettyOf(log: string): Promise<string> {
  const child = spawn(process.execPath, [MAIN, 'pretty'], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  child.stdin.end(log);
  const shown = await text(child.stdout);
  expect((await ended)[0]).toBe(0);
  return shown;
}

test('pretty shows records of the log as a terminal does, and other lines as they are', async () => {
  const record = {
    level: 'warn',
    time: '2026-01-02T03:04:05.678Z',
    event: 'notice',
    msg: 'reading etcd: it says\n12:00:00 INFO: forged',
  };
  const shown = await prettyOf(
    `${JSON.stringify(record)}\n-- Boot 7a --\nodd \u001b[31m line\n{"no":"record"}\n`,
  );
  expect(shown.split('\n')).toEqual([
    expect.stringMatching(/^\[\d\d:\d\d:05\.678\] WARN: reading etcd: it says$/),
    '    12:00:00 INFO: forged',
    '-- Boot 7a --',
    'odd \\u001b[31m line',
    '{"no":"record"}',
    '',
  ]);
});
