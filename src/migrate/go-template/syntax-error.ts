import { TemplateError } from '../../errors.ts';

/** A place in a text. `line` and `column` count from 1, `offset` from 0, in characters. */
export interface Place {
  readonly offset: number;
  readonly line: number;
  readonly column: number;
}

/** A text that is no Go template. */
export class GoSyntaxError extends TemplateError {
  readonly place: Place;
  /** What was found, without the place. */
  readonly found: string;

  constructor(file: string, place: Place, found: string) {
    super(`reading the Go template ${file}, line ${place.line}, column ${place.column}: ${found}`);
    this.place = place;
    this.found = found;
  }
}

/** Gives the places of one text, for offsets in any order. */
export function placesOf(text: string): (offset: number) => Place {
  const starts = [0];
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) {
    starts.push(at + 1);
  }
  return (offset) => {
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((starts[middle] ?? 0) <= offset) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    return { offset, line: low + 1, column: offset - (starts[low] ?? 0) + 1 };
  };
}
