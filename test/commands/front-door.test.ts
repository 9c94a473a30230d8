import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { bounded } from '../../src/commands/bounded.ts';
import { coloured, colouredDiff, wantsColours } from '../../src/commands/colours.ts';
import { EXIT, type Io } from '../../src/commands/io.ts';
import { progressOn } from '../../src/commands/progress.ts';
import { waitFor } from '../support/haproxy.ts';
import { makeSite, runToEnd } from '../support/pointsman.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const QUICKSTART = 'examples/quickstart/pointsman.yaml';
const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
const pointsman = (...args: string[]) => runToEnd(['src/main.ts', ...args], ROOT);

describe('pointsman', () => {
  test('without a verb shows its help, and that is fine', async () => {
    const { code, stdout, stderr } = await pointsman();
    expect([code, stderr]).toEqual([EXIT.fine, '']);
    expect(stdout).toBe((await pointsman('--help')).stdout);
  });

  test.each(['version', '--version', '-v', '-V'])('%s prints the version', async (word) => {
    expect(await pointsman(word)).toEqual({ code: EXIT.fine, stdout: `${version}\n`, stderr: '' });
  });

  test('takes the common options before the verb too; the verb has the last word', async () => {
    const after = await pointsman('render', '--dry-run', '--config', QUICKSTART, '--set', 'vars.bind=:81');
    expect(after.code, after.stderr).toBe(EXIT.fine);
    const ways = [
      ['-c', QUICKSTART, '--set', 'vars.bind=:81', 'render', '--dry-run'],
      ['--config', 'nowhere.yaml', '--set', 'vars.bind=:80', 'render', '--dry-run', '-c', QUICKSTART].concat([
        '--set',
        'vars.bind=:81',
      ]),
    ];
    for (const args of ways) {
      expect(await pointsman(...args)).toEqual(after);
    }
  });

  test('says which verb does not know an option that stands before it', async () => {
    const { code, stderr } = await pointsman('--timeout', '1s', 'version');
    expect(code).toBe(EXIT.usage);
    expect(stderr).toContain("version takes no option '--timeout'");
  });
});

describe('colours', () => {
  test.each([
    [{}, true, true],
    [{}, false, false],
    [{ NO_COLOR: '1' }, true, false],
    [{ NO_COLOR: '' }, true, true],
    [{ TERM: 'dumb' }, true, false],
    [{ FORCE_COLOR: '1' }, false, true],
    [{ FORCE_COLOR: '1', NO_COLOR: '1' }, false, true],
    [{ FORCE_COLOR: '0' }, true, false],
  ])('with %o on a terminal (%s): %s', (env, isTerminal, wanted) => {
    expect(wantsColours(env, isTerminal)).toBe(wanted);
  });

  test('are in no result that goes elsewhere, but where FORCE_COLOR is set', async () => {
    await using site = await makeSite();
    const args = ['src/main.ts', 'render', '--dry-run', '--diff', '--config', QUICKSTART];
    const more = ['--set', `output.path=${site.configPath}`];
    const plain = await runToEnd([...args, ...more], ROOT);
    expect(plain.stdout).toContain('+global');
    expect(plain.stdout).not.toContain('\u001b');
    const { stdout } = await execa(process.execPath, [...args, ...more], {
      cwd: ROOT,
      env: { FORCE_COLOR: '1' },
    });
    expect(stdout).toContain('\u001b[32m+global');
  });

  test('of a diff are the usual ones', () => {
    const green = coloured({ colours: true }, 'green', '+new');
    expect(colouredDiff({ colours: true }, ' same\n+new')).toBe(` same\n${green}`);
    expect(colouredDiff({ colours: false }, ' same\n+new')).toBe(' same\n+new');
  });
});

describe('progress', () => {
  test('on a terminal a command that takes its time says what it waits for, and takes that away', async () => {
    const shown: string[] = [];
    const io = {
      signal: new AbortController().signal,
      terminal: true,
      progress: (line: string) => shown.push(line),
    } as unknown as Io;
    const code = await bounded(io, { verb: 'dump', timeout: 60_000 }, async (inner) => {
      inner.waitsFor('etcd');
      await waitFor(async () => shown.length > 0, { what: 'a word', timeout: 30_000 });
      return EXIT.fine;
    });
    expect(code).toBe(EXIT.fine);
    expect(shown[0]).toMatch(/^dump: waiting for etcd, \d+ s$/);
    expect(shown.at(-1)).toBe('');
  });

  test('is one line that fits, and is nothing where there is no terminal', () => {
    let written = '';
    const progress = progressOn({ columns: 10, write: (text) => (written += text) });
    progress('');
    expect(written).toBe('');
    progress('0123456789');
    progress('');
    progress('');
    expect(written).toBe('\r\u001b[K012345678\r\u001b[K');
    progressOn(null)('nothing');
  });
});
