import { Fault } from './site.ts';

/** A single call gives a text of at most so many characters. */
export const LONGEST_TEXT = 16 * 1024 * 1024;
/** A single call gives a list of at most so many items. */
export const LONGEST_LIST = 1_000_000;
/** A whole configuration has at most so many characters. */
export const LONGEST_OUTPUT = 64 * 1024 * 1024;

/** Throws a `Fault` where a text of so many characters would be made. To be asked before it is. */
export function checkLength(characters: number): void {
  if (!(characters <= LONGEST_TEXT)) {
    throw new Fault(`a text of ${characters} characters is too long`, `${LONGEST_TEXT} are the most`);
  }
}

/** Throws a `Fault` where a list of so many items would be made. To be asked before it is. */
export function checkItems(items: number): void {
  if (!(items <= LONGEST_LIST)) {
    throw new Fault(`${items} items are too many`, `${LONGEST_LIST} are the most`);
  }
}

/** Texts with a separator between them. */
export function joined(texts: readonly string[], separator: string): string {
  checkLength(texts.reduce((sum, text) => sum + text.length + separator.length, 0));
  return texts.join(separator);
}
