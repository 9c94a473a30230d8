import { linearRegex } from '../linear-regex.ts';
import { Fault } from '../site.ts';

/** A glob of Go's `path.Match`: `*` and `?` do not cross `/`, `[a-z]` and `[^a-z]` are classes, `\` escapes. */
export interface Glob {
  /** The key itself, where the glob is none. */
  readonly literal: string | null;
  /** What every match starts with, up to and without its last `/`. */
  readonly prefix: string;
  matches(key: string): boolean;
}

/** Reads a glob. Throws a `Fault` for a bad one. */
export function parseGlob(pattern: string): Glob {
  const magic = pattern.search(/[*?[\\]/);
  if (magic === -1) {
    return { literal: pattern, prefix: pattern, matches: (key) => key === pattern };
  }
  const start = pattern.slice(0, magic);
  const expression = `(?s)^${source(pattern)}$`;
  const quick = isQuick(pattern)
    ? new RegExp(expression.slice('(?s)'.length), 'su')
    : linearRegex(expression);
  return {
    literal: null,
    prefix: start.slice(0, start.lastIndexOf('/')),
    matches: (key) => quick.test(key),
  };
}

/** With one `*` between slashes, JavaScript's own expressions have one way to match, and take a tenth of the time. */
function isQuick(pattern: string): boolean {
  return !/\*[^/]*\*/.test(pattern) && !/\*.*\[.*\*/s.test(pattern);
}

/** In a syntax that both kinds of expressions have. */
function source(pattern: string): string {
  const runes = [...pattern];
  let out = '';
  for (let i = 0; i < runes.length; i++) {
    const rune = runes[i] ?? '';
    if (rune === '*') {
      out += '[^/]*';
    } else if (rune === '?') {
      out += '[^/]';
    } else if (rune === '[') {
      const end = classEnd(runes, i, pattern);
      out += classSource(runes.slice(i + 1, end), pattern);
      i = end;
    } else if (rune === '\\') {
      i++;
      out += literal(runes[i] ?? bad(pattern));
    } else {
      out += literal(rune);
    }
  }
  return out;
}

function classEnd(runes: readonly string[], start: number, pattern: string): number {
  for (let i = start + 1; i < runes.length; i++) {
    if (runes[i] === '\\') {
      i++;
    } else if (runes[i] === ']') {
      return i;
    }
  }
  return bad(pattern);
}

function classSource(runes: readonly string[], pattern: string): string {
  const negated = runes[0] === '^';
  const members = negated ? runes.slice(1) : runes;
  let out = '';
  let ranges = 0;
  for (let i = 0; i < members.length; ranges++) {
    const low = classMember(members, i, pattern);
    i = low.next;
    if (members[i] === '-') {
      const high = classMember(members, i + 1, pattern);
      i = high.next;
      out +=
        (low.rune.codePointAt(0) ?? 0) <= (high.rune.codePointAt(0) ?? 0)
          ? `${member(low.rune)}-${member(high.rune)}`
          : '';
    } else {
      out += member(low.rune);
    }
  }
  return ranges === 0
    ? bad(pattern)
    : out === ''
      ? negated
        ? '[\\s\\S]'
        : '[^\\s\\S]'
      : `[${negated ? '^' : ''}${out}]`;
}

function classMember(runes: readonly string[], at: number, pattern: string): { rune: string; next: number } {
  const rune = runes[at];
  if (rune === undefined || rune === '-') {
    return bad(pattern);
  }
  return rune === '\\' ? { rune: runes[at + 1] ?? bad(pattern), next: at + 2 } : { rune, next: at + 1 };
}

function literal(rune: string): string {
  return /[\\^$.*+?()[\]{}|/]/.test(rune) ? `\\${rune}` : rune;
}

function member(rune: string): string {
  return rune === '-' ? '\\-' : literal(rune);
}

function bad(pattern: string): never {
  throw new Fault(`${JSON.stringify(pattern)} is no valid pattern`, '`*`, `?` and `[a-z]` are known');
}
