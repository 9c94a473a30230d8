import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { describeEvent } from '../../src/status/describe-event.ts';
import { SAMPLES } from '../status/sample-events.ts';

const root = new URL('../../', import.meta.url);
const page = readFileSync(new URL('docs/events.md', root), 'utf8');

interface Row {
  readonly kind: string;
  readonly levels: readonly string[];
  readonly fields: readonly string[];
  readonly logged: readonly string[];
}

/** The rows of all tables: fields are what stands in backticks outside of brackets. */
function rows(): Row[] {
  return page
    .split('\n')
    .filter((line) => /^\| `/.test(line))
    .map((line) => {
      const [kind = '', levels = '', , fields = '', logged = ''] = line
        .split('|')
        .slice(1)
        .map((cell) => cell.trim());
      return {
        kind: kind.slice(1, -1),
        levels: levels.split(', '),
        fields: names(fields),
        logged: names(logged),
      };
    });
}

function names(cell: string): string[] {
  let outside = cell;
  for (let before = ''; before !== outside; ) {
    before = outside;
    outside = outside.replace(/\([^()]*\)/g, '');
  }
  return [...outside.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);
}

/** The fields of each event, as its type in the source names them: `hint?` where it may be missing. */
function declared(): Map<string, readonly string[]> {
  const files = readdirSync(new URL('src/', root)).filter((name) => /^events.*\.ts$/.test(name));
  const source = files
    .map((name) => readFileSync(new URL(`src/${name}`, root), 'utf8'))
    .join('\n')
    .replace(/\/\*[\s\S]*?\*\//g, '');
  const found = new Map<string, readonly string[]>();
  for (const { 1: kind = '', index } of source.matchAll(/\{\s*readonly kind: '([^']+)'/g)) {
    let depth = 0;
    let own = '';
    for (const letter of source.slice(index)) {
      depth += letter === '{' ? 1 : letter === '}' ? -1 : 0;
      if (depth === 0) {
        break;
      }
      own += depth === 1 ? letter : '';
    }
    // Where a function only speaks of a kind, its type stood before.
    if (found.has(kind)) {
      continue;
    }
    const fields = [...own.matchAll(/readonly (\w+\??):/g)].map(([, name = '']) => name);
    found.set(
      kind,
      fields.filter((name) => name !== 'kind'),
    );
  }
  return found;
}

test('docs/events.md lists every event once, and no other', () => {
  expect(
    rows()
      .map(({ kind }) => kind)
      .toSorted(),
  ).toEqual(Object.keys(SAMPLES).toSorted());
});

test('docs/events.md names the fields of each event as its type does', () => {
  const types = declared();
  for (const { kind, fields } of rows()) {
    expect(fields.toSorted(), kind).toEqual(types.get(kind)?.toSorted());
  }
});

test('docs/events.md says how loud the line of each event is, and its fields', () => {
  const samples = new Map(Object.entries(SAMPLES));
  for (const { kind, levels, logged } of rows()) {
    const sample = samples.get(kind);
    if (!sample) {
      throw new Error(`no sample of ${kind}`);
    }
    const { level, fields } = describeEvent(sample);
    expect(levels, kind).toContain(level);
    expect(logged, kind).toEqual(expect.arrayContaining(Object.keys(fields)));
  }
});
