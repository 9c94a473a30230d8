/** A line as HAProxy takes it apart: quotes and escapes resolved, the comment left out. */
export interface Words {
  readonly words: readonly string[];
  /** An environment variable stands in it: what HAProxy makes of it cannot be seen here. */
  readonly variables: boolean;
  /** Why HAProxy would not take the line, or why we would not read it. */
  readonly problem?: string;
}

/** Everything else is split at white space and needs no second look. */
const SPECIAL = /["'\\#\r]/;
const SPACES = /[ \t\v\f]+/;
/** Stands before the name of a variable: `"$A"` is not `'$A'`. */
const VARIABLE = '\0$';
const ESCAPES: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r' };

/**
 * Takes a line (without its line break) apart as HAProxy's `parse_line` does (tools.c, the same from 2.6 to 3.4).
 * There is no continuation of lines: a backslash at the end is just a backslash. Words with an environment
 * variable keep its name (a NUL and `${WEB}`), so that equal lines stay equal.
 */
export function readWords(line: string): Words {
  if (SPECIAL.test(line)) {
    return readSpecial(line);
  }
  const words = line.split(SPACES).filter((word) => word !== '');
  return { words, variables: false };
}

function readSpecial(line: string): Words {
  const words: string[] = [];
  let word = '';
  let begun = false;
  let quote = '';
  let variables = false;
  for (let at = 0; at < line.length; at++) {
    const c = line.charAt(at);
    if (c === '\r' || (c === '#' && quote === '')) {
      break;
    }
    if ((c === '"' && quote !== "'") || (c === "'" && quote !== '"')) {
      quote = quote === '' ? c : '';
      begun = true;
    } else if (c === '\\' && quote !== "'") {
      const escaped = readEscape(line, at, quote);
      if (escaped === null) {
        return unreadable(line, 'an escape \\x without two hex digits');
      }
      word += escaped.text;
      at = escaped.last;
      begun = true;
    } else if (quote === '' && (c === ' ' || c === '\t' || c === '\v' || c === '\f')) {
      if (begun) {
        words.push(word);
      }
      word = '';
      begun = false;
    } else {
      const variable = c === '$' && quote === '"';
      word += variable ? VARIABLE : c;
      variables ||= variable;
      begun = true;
    }
  }
  if (begun) {
    words.push(word);
  }
  return quote === '' ? { words, variables } : unreadable(line, 'a quote that is not closed');
}

function readEscape(line: string, at: number, quote: string): { text: string; last: number } | null {
  const next = line.charAt(at + 1);
  if (next === 'x') {
    const hex = line.slice(at + 2, at + 4);
    if (!/^[0-9a-fA-F]{2}$/.test(hex)) {
      return null;
    }
    return { text: String.fromCharCode(Number.parseInt(hex, 16)), last: at + 3 };
  }
  const text = ESCAPES[next];
  if (text !== undefined) {
    return { text, last: at + 1 };
  }
  const taken = ' \\#\'"'.includes(next) && next !== '';
  if (taken || (next === '$' && quote === '"')) {
    return { text: next, last: at + 1 };
  }
  return { text: '\\', last: at };
}

/** The line as it is, so that it equals nothing that could be read. */
function unreadable(line: string, problem: string): Words {
  return { words: [line], variables: false, problem };
}
