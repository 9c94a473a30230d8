import { readFile } from 'node:fs/promises';
import { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { EXIT, type Io } from '../../src/commands/io.ts';
import { addCommands } from '../../src/commands/program.ts';

const page = await readFile(new URL('../../docs/cli.md', import.meta.url), 'utf8');
const program = new Command('pointsman');
addCommands(program, { out: () => {}, err: () => {} } as unknown as Io, () => {});
const firstCells = [...page.matchAll(/^\| `?([^`|]+?)`? +\|/gm)].map((match) =>
  (match[1] ?? '').replaceAll('\\|', '|').trim(),
);

describe('docs/cli.md', () => {
  test('lists every command, and no other', () => {
    const listed = [...page.matchAll(/^\| `pointsman ([a-z-]+)`/gm)].map((match) => match[1]);
    expect(listed.sort()).toEqual(program.commands.map((command) => command.name()).sort());
  });

  test('lists every flag, and no other', () => {
    const listed = [...page.matchAll(/^\| `(?:-\w, )?(--[a-z-]+)/gm)].map((match) => match[1]);
    const real = program.commands.flatMap((command) => command.options.map((option) => option.long));
    expect(listed.sort()).toEqual([...new Set(real)].sort());
  });

  test('lists every exit code, and no other', () => {
    const listed = firstCells.filter((cell) => /^\d+$/.test(cell)).map(Number);
    expect(listed.sort()).toEqual(Object.values(EXIT).sort());
  });
});
