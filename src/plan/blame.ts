import { isSection } from './sections.ts';

/** A line of a HAProxy configuration by what it says, so that it is found again in another text. */
export interface Place {
  /** The header of its section (`backend be_web from http`), or `''` above the first. */
  readonly section: string;
  /** The line itself, without the white space around it. */
  readonly line: string;
}

/** A place that was named. */
export interface NamedPlace extends Place {
  /** The numbers of its lines. */
  readonly numbers: readonly number[];
  /**
   * Which of several equal lines the first of them is, from 1: where only the second is named, it takes two of
   * them to be wrong.
   */
  readonly nth: number;
}

/** The places of these lines (counted from 1), each once. Lines that are not there, empty ones and comments are left out. */
export function placesOf(text: string, lines: readonly number[]): NamedPlace[] {
  const all = text.split('\n');
  const wanted = new Set(lines);
  const found = new Map<string, NamedPlace>();
  walk(all, new Set(lines.map((line) => all[line - 1]?.trim() ?? '')), (place, { number, nth }) => {
    if (!wanted.has(number)) {
      return;
    }
    const key = keyOf(place);
    const before = found.get(key);
    const numbers = [...(before?.numbers ?? []), number];
    found.set(key, { ...place, numbers, nth: before?.nth ?? nth });
  });
  return [...found.values()];
}

/** Those of `places` that stand in `text` too, as often as it takes. */
export function placesIn(text: string, places: readonly NamedPlace[]): NamedPlace[] {
  const left = new Map(places.map((place) => [keyOf(place), place]));
  const found: NamedPlace[] = [];
  walk(text.split('\n'), new Set(places.map(({ line }) => line)), (place, { nth }) => {
    const known = left.get(keyOf(place));
    if (known?.nth === nth) {
      found.push(known);
    }
  });
  return found;
}

/**
 * HAProxy's own words without what says nothing of the cause (notices, its process id, the closing "Fatal
 * errors found"), for people: at most `limit` lines. Where `lines` are given, only what names one of them.
 */
export function wordsOf(output: string, options: { lines?: readonly number[]; limit?: number } = {}): string {
  const all = output
    .split('\n')
    .filter((line) => line.trim() !== '' && !NO_CAUSE.test(line))
    .map((line) => line.replace(/^\[\w+\]\s*\(\d+\) : (?:config : )?/, '').trim());
  const { lines, limit = 3 } = options;
  const about =
    lines &&
    all.filter((line) =>
      lines.some((number) => line.includes(`:${number}]`) || line.startsWith(`line ${number}, `)),
    );
  const words = about && about.length > 0 ? about : all;
  return words.slice(0, limit).join('; ');
}

/**
 * The alerts about the port or address of a `bind` in HAProxy's words over a load that failed, and the lines that they
 * name: nothing else that it says then is about a line of the text alone.
 */
export function alertsIn(
  output: string,
  text: string,
): { readonly output: string; readonly lines: readonly number[] } {
  const all = text.split('\n');
  const found = output.split('\n').flatMap((words) => {
    const line = Number(/^\[ALERT\].*Binding \[[^\]]*:(\d+)\]/.exec(words)?.[1] ?? 0);
    return /^\s*bind\s/.test(all[line - 1] ?? '') ? [{ words, line }] : [];
  });
  return {
    output: found.map(({ words }) => words).join('\n'),
    lines: [...new Set(found.map(({ line }) => line))],
  };
}

const NO_CAUSE = /^\[NOTICE\]|Fatal errors found in configuration|Error\(s\) found in configuration file/;

function keyOf({ section, line }: Place): string {
  return `${section}\n${line}`;
}

/** Visits the lines that say one of `wanted`, which are without white space around them: of a long text they are few. */
function walk(
  lines: readonly string[],
  wanted: ReadonlySet<string>,
  visit: (place: Place, at: { number: number; nth: number }) => void,
): void {
  const seen = new Map<string, number>();
  let section = '';
  let number = 0;
  for (const raw of lines) {
    number++;
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) {
      continue;
    }
    if (isSection(line.split(/\s/, 1)[0] ?? '')) {
      section = line;
    }
    if (!wanted.has(line)) {
      continue;
    }
    const place = { section, line };
    const nth = (seen.get(keyOf(place)) ?? 0) + 1;
    seen.set(keyOf(place), nth);
    visit(place, { number, nth });
  }
}
