import { styleText } from 'node:util';

/** A colour of the terminal's own palette, or bold. */
export type Colour = 'red' | 'green' | 'yellow' | 'cyan' | 'bold';

/**
 * Whether to colour what goes to a terminal or elsewhere: FORCE_COLOR and NO_COLOR decide, in this order, as in Node's own
 * programs; else there are colours on a terminal alone.
 */
export function wantsColours(
  env: Readonly<Record<string, string | undefined>>,
  isTerminal: boolean,
): boolean {
  const { FORCE_COLOR: force, NO_COLOR: none, TERM: term } = env;
  if (force !== undefined) {
    return force !== '0' && force !== 'false';
  }
  return isTerminal && !none && term !== 'dumb';
}

/** `text` in a colour, where results may be coloured. */
export function coloured({ colours }: { readonly colours: boolean }, colour: Colour, text: string): string {
  return colours ? styleText(colour, text, { validateStream: false }) : text;
}

/** A text whose lines are coloured by how they begin; the first rule that fits. */
export function colouredLines(
  io: { readonly colours: boolean },
  text: string,
  rules: readonly (readonly [RegExp, Colour])[],
): string {
  if (!io.colours) {
    return text;
  }
  const line = (one: string) => {
    const [, colour] = rules.find(([begins]) => begins.test(one)) ?? [];
    return colour === undefined ? one : coloured(io, colour, one);
  };
  return text.split('\n').map(line).join('\n');
}

/** A unified diff, in the usual colours. */
export function colouredDiff(io: { readonly colours: boolean }, diff: string): string {
  return colouredLines(io, diff, [
    [/^(?:---|\+\+\+|===)/, 'bold'],
    [/^@@/, 'cyan'],
    [/^-/, 'red'],
    [/^\+/, 'green'],
  ]);
}
