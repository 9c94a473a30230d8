import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readWords } from '../../src/plan/words.ts';
import { STRING_FUNCTIONS } from '../../src/render/functions/strings.ts';
import { cli, startProcess, tempFolder, waitFor } from '../support/haproxy.ts';
import { haproxyVersions } from '../support/haproxy-versions.ts';
import { fault, render } from '../support/render.ts';

const SAMPLES = [
  'a b',
  'pa$$w0rd',
  '$6$salt$hash',
  `\${HOME}`,
  `"\${HOME[*]}"`,
  `it's "quoted"`,
  'a # b',
  '\\',
  'a\\',
  '\\n \\x41 \\$A \\"',
  '  two  blanks  ',
  '%[src] %{+Q}o ~ * ? [a] (b) {c} | & ; < > ! , =',
  'äöü – 漢字 🙂',
];
/** No environment variable is empty. */
const anyText = fc
  .string({
    unit: fc.oneof(
      fc.constantFrom(...`\\"'$#{}[] nx0`),
      fc.string({ minLength: 1, maxLength: 1, unit: 'binary' }),
    ),
    minLength: 1,
    maxLength: 40,
  })
  .filter((text) => text.isWellFormed() && !/[\p{Cc}\u2028\u2029]/u.test(text));

describe.each(haproxyVersions)('HAProxy $name', ({ path: binary }) => {
  test('takes what quote() gives for one word, and for that text', { timeout: 60_000 }, async () => {
    const texts = [...SAMPLES, ...fc.sample(anyText, 400)];
    await using folder = await tempFolder();
    const [socket, file] = [path.join(folder.path, 's.sock'), path.join(folder.path, 'h.cfg')];
    const words = texts.map((text, at) => `  setenv T${at} ${STRING_FUNCTIONS.quote(text)}`);
    const rest = 'defaults\n  timeout client 1s\n  timeout server 1s\n  timeout connect 1s\n';
    await writeFile(file, ['global', `  stats socket ${socket} level admin`, ...words, rest].join('\n'));
    await using haproxy = await startProcess(binary, ['-db', '-f', file], {
      env: { ...process.env, HOME: '/there' },
    });
    let said = '';
    await waitFor(
      async () => {
        said = await cli(socket, 'show env').catch(() => '');
        return said !== '';
      },
      { what: 'the stats socket', timeout: 30_000 },
    ).catch((error) => {
      throw new Error(`${error}\n${haproxy.output()}`);
    });
    const seen = new Map(
      said.split('\n').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    );
    expect(texts.map((_, at) => seen.get(`T${at}`))).toEqual(texts);
  });
});

test('the planner reads what quote() gives as that word too', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      expect(readWords(`a ${STRING_FUNCTIONS.quote(text)} b`)).toEqual({
        words: ['a', text, 'b'],
        variables: false,
      });
    }),
  );
  expect(readWords(STRING_FUNCTIONS.quote('')).words).toEqual(['']);
});

test.each(['a\nb', 'a\rb', 'a\0b', 'a\u2028b', '\ud800'])(
  'quote() refuses %j: it can be no word',
  async (value) => {
    const tree = { '/haproxy/x': value };
    expect(await fault('{{ quote(getRaw("/haproxy/x")) }}', { tree })).toContain("no word of HAProxy's can");
  },
);

test('quote() writes numbers and truth values too', async () => {
  expect(await render('{{ quote(5) }} {{ quote(true) }} {{ quote("") }}')).toBe('"5" "true" ""');
});
