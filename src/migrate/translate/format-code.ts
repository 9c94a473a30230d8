import { type Code, textCode } from './code.ts';

/** The verbs that give what a value is anyway, by its type. */
const PLAIN_VERBS: Readonly<Record<string, string>> = { string: 'sv', int: 'dv', bool: 'tv' };

/** The parts of a `printf` that only puts texts and values side by side; null where it does more. */
export function formatCode(format: string, values: readonly Code[]): readonly Code[] | null {
  const parts: Code[] = [];
  let next = 0;
  let end = 0;
  for (const { 0: directive, index } of format.matchAll(/%(?:[a-z%]|.?)/gsu)) {
    parts.push(textCode(format.slice(end, index)));
    end = index + directive.length;
    const verb = directive.slice(1);
    if (verb === '%') {
      parts.push(textCode('%'));
      continue;
    }
    const value = values[next++];
    const plain =
      value === undefined || typeof value.type === 'object' ? '' : (PLAIN_VERBS[value.type] ?? '');
    if (value === undefined || value.mayMiss || verb === '' || !plain.includes(verb)) {
      return null;
    }
    parts.push(value);
  }
  return next === values.length ? [...parts, textCode(format.slice(end))] : null;
}
