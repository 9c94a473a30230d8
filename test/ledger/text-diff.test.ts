import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { applyDiff, diffTexts, linesOf, type TextDiff } from '../../src/ledger/text-diff.ts';
import { nextPicture, takePicture } from '../../src/plan/picture.ts';

function diffOf(before: string, after: string): Promise<TextDiff> {
  const old = takePicture(before);
  return diffTexts(old, nextPicture(old, after));
}

function farm(services: number, servers: number): string {
  const backend = (at: number) => [
    `backend be_${at}`,
    '  balance roundrobin',
    ...Array.from({ length: servers }, (_, one) => `  server s${one} 10.0.${at}.${one}:80 weight 100`),
    '',
  ];
  const sections = Array.from({ length: services }, (_, at) => backend(at)).flat();
  return ['global', '  maxconn 100', '', ...sections].join('\n');
}

it('a server that is another one is told with its section and the lines around it', async () => {
  const before = farm(3, 5);
  const { diff, added, removed } = await diffOf(before, before.replace('s3 10.0.1.3:80', 's3 10.0.1.9:80'));
  expect({ added, removed }).toEqual({ added: 1, removed: 1 });
  expect(diff).toBe(
    [
      '@@ -15,5 +15,5 @@ backend be_1',
      '   server s1 10.0.1.1:80 weight 100',
      '   server s2 10.0.1.2:80 weight 100',
      '-  server s3 10.0.1.3:80 weight 100',
      '+  server s3 10.0.1.9:80 weight 100',
      '   server s4 10.0.1.4:80 weight 100',
      ' ',
      '',
    ].join('\n'),
  );
});

it('any text is made of any other one by their diff', async () => {
  const line = fc.constantFrom(
    'global',
    'backend a',
    'backend b',
    'defaults',
    '  server x 1:1',
    '  y',
    '',
    '@@ z',
    '-',
    '\\ No',
  );
  const text = fc.tuple(fc.array(line, { maxLength: 30 }), fc.boolean()).map(([lines, ends]) => {
    return lines.join('\n') + (ends && lines.length > 0 ? '\n' : '');
  });
  await fc.assert(
    fc.asyncProperty(text, text, async (before, after) => {
      const { diff, added, removed } = await diffOf(before, after);
      expect(applyDiff(linesOf(before), diff)?.join('')).toBe(after);
      expect(linesOf(after).length - linesOf(before).length).toBe(added - removed);
    }),
    { numRuns: 1000 },
  );
});

it('a diff is one that patch knows', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'text-diff-'));
  try {
    const file = path.join(folder, 'a');
    const before = farm(4, 6);
    const after = before
      .replace('  server s2 10.0.0.2:80 weight 100\n', '')
      .replace('backend be_2', 'frontend new\n  bind :1\n\nbackend be_2')
      .replace('s5 10.0.3.5:80 weight 100\n', 's5 10.0.3.5:80 weight 1');
    const { diff } = await diffOf(before, after);
    writeFileSync(file, before);
    execFileSync('patch', ['-s', file], { input: `--- a\n+++ a\n${diff}` });
    expect(readFileSync(file, 'utf8')).toBe(after);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it('a text is not made of one that a diff is not of', async () => {
  const { diff } = await diffOf(farm(2, 2), farm(2, 3));
  expect(applyDiff(linesOf(farm(3, 3)), diff)).toBeNull();
});

it('what costs too much to compare line by line is told as a whole, and a service of 10,000 servers by its change', async () => {
  const [before, after] = [farm(1, 2000), farm(1, 2000).replaceAll('weight 100', 'weight 1')];
  const whole = await diffOf(before, after);
  expect(whole).toMatchObject({ added: 2000, removed: 2000 });
  expect(applyDiff(linesOf(before), whole.diff)?.join('')).toBe(after);
  const large = farm(1, 10_000);
  const small = await diffOf(large, large.replace('s7000 ', 's7000x '));
  expect(small).toMatchObject({ added: 1, removed: 1 });
});
