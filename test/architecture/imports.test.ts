import { describe, expect, it } from 'vitest';
import { cycles, forbiddenImports, impurities, undocumented } from './rules.ts';
import { type SourceFile, sourceFiles } from './source-file.ts';

const files = sourceFiles();

function tree(texts: Record<string, string>): SourceFile[] {
  return Object.entries(texts).map(([path, text]) => ({ path, text }));
}

describe('the sources', () => {
  it('are found at all', () => {
    expect(files.length).toBeGreaterThan(5);
  });
  it('import only in the direction of the layout', () => {
    expect(forbiddenImports(files)).toEqual([]);
  });
  it('have no import cycle', () => {
    expect(cycles(files)).toEqual([]);
  });
  it('use neither clock, random, timers nor loggers in the pure folders', () => {
    expect(impurities(files)).toEqual([]);
  });
  it('document every export', () => {
    expect(undocumented(files)).toEqual([]);
  });
});

describe('the rules', () => {
  it.each([
    [
      'shell folders importing each other',
      { 'sources/a.ts': "import { b } from '../status/b.ts';", 'status/b.ts': '' },
    ],
    [
      'shell folders importing the loop itself',
      {
        'haproxy/a.ts': "import type { R } from '../reconcile/reconciler.ts';",
        'reconcile/reconciler.ts': '',
      },
    ],
    [
      'the loop importing the shell',
      { 'reconcile/a.ts': "import { b } from '../haproxy/b.ts';", 'haproxy/b.ts': '' },
    ],
    [
      'a lazy import across',
      { 'reconcile/a.ts': "const b = await import('../haproxy/b.ts');", 'haproxy/b.ts': '' },
    ],
    [
      'the model importing render',
      { 'model/a.ts': "export { b } from '../render/b.ts';", 'render/b.ts': '' },
    ],
    [
      'events importing the model',
      { 'events.ts': "import type { E } from './model/entry.ts';", 'model/entry.ts': '' },
    ],
    ['anything importing main', { 'commands/a.ts': "import { b } from '../main.ts';", 'main.ts': '' }],
    [
      'an import over several lines',
      { 'plan/a.ts': "import {\n  b,\n  c,\n} from '../render/b.ts';", 'render/b.ts': '' },
    ],
    ['files in the pure core', { 'plan/a.ts': "import { readFile } from 'node:fs/promises';" }],
    ['a logger in the pure core', { 'render/a.ts': "import { pino } from 'pino';" }],
    [
      'random bytes in the pure core',
      { 'plan/a.ts': "import { createHash, randomBytes } from 'node:crypto';" },
    ],
    [
      'a folder that the layout does not know',
      { 'misc/a.ts': "import { b } from '../errors.ts';", 'errors.ts': '' },
    ],
    ['an import of a file that is not there', { 'commands/a.ts': "import { b } from './b.ts';" }],
  ])('forbid %s', (_, texts) => {
    expect(forbiddenImports(tree(texts))).toHaveLength(1);
  });

  it('allow what the layout says', () => {
    const fine = tree({
      'errors.ts': '',
      'events.ts': '',
      'model/entry.ts': "import { E } from '../errors.ts';",
      'render/a.ts': "import nunjucks from 'nunjucks';\nimport type { E } from '../model/entry.ts';",
      'plan/mark.ts': "import { createHash } from 'node:crypto';\nimport { join } from 'node:path/posix';",
      'ports/source.ts': "import type { E } from '../model/entry.ts';",
      'sources/a.ts': "import type { S } from '../ports/source.ts';\nimport 'node:fs';",
      'testing/a.ts': "import { a } from '../sources/a.ts';\nimport { r } from '../render/a.ts';",
      'commands/run.ts': "import { a } from '../sources/a.ts';",
      'main.ts': "const run = await import('./commands/run.ts');",
    });
    expect([...forbiddenImports(fine), ...cycles(fine)]).toEqual([]);
  });

  it('name a cycle, of types too', () => {
    const round = tree({
      'model/a.ts': "import { b } from './b.ts';",
      'model/b.ts': "import type { C } from './c.ts';",
      'model/c.ts': "import { a } from './a.ts';",
    });
    expect(cycles(round)).toEqual(['model/a.ts -> model/b.ts -> model/c.ts -> model/a.ts']);
  });

  it('see the clock in code and not in comments', () => {
    const clock = tree({
      'plan/a.ts': 'const now = Date.now();',
      'plan/b.ts': '// Date.now() is not ours\n/* nor performance.now() */\nconst a = 1;',
    });
    expect(impurities(clock)).toEqual(['plan/a.ts: reads the clock']);
  });

  it('see a timer of its own in the core, which knows time by the clock of the ports alone', () => {
    const core = tree({
      'guard/a.ts': 'setTimeout(() => {}, 1);',
      'rollout/b.ts': 'clock.after(1, () => {}, Date.now());',
      'haproxy/c.ts': 'setTimeout(() => {}, 1);',
    });
    expect(impurities(core)).toEqual(['guard/a.ts: starts a timer', 'rollout/b.ts: reads the clock']);
  });

  it('see an export without a doc comment', () => {
    const bare = tree({ 'model/a.ts': '/** Fine. */\nexport const a = 1;\nexport type B = number;\n' });
    expect(undocumented(bare)).toEqual(['model/a.ts:3 B']);
  });
});
