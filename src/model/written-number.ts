/**
 * A number as it was written, where JavaScript would write it otherwise: `12345678901234567890`, `1.10`, `1e3`. It
 * reads as it was written, and counts as what it is. An object, since no primitive can do both; never 0, so that it
 * is as true as its number.
 */
export class WrittenNumber extends Number {
  readonly #source: string;
  /** False where JavaScript's number is another one: then there is no calculating with it. */
  readonly isExact: boolean;

  constructor(source: string) {
    super(source);
    this.#source = source;
    this.isExact = isExact(source);
  }

  override toString(): string {
    return this.#source;
  }

  toJSON(): unknown {
    return RAW.rawJSON(this.#source);
  }
}

/** What TypeScript does not know of yet; Node has it since 21. */
const RAW = JSON as unknown as {
  rawJSON(text: string): unknown;
  parse(
    text: string,
    reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
  ): unknown;
};

/** Whether a text of JSON may hold a number that JavaScript would write otherwise. */
const UNUSUAL = /(?:^|[:,[\s])-?(?:\d+[.eE]|\d{16}|0)/;

/** `JSON.parse`, but numbers stay as they were written. Throws a `SyntaxError`. */
export function parseJson(text: string): unknown {
  if (!UNUSUAL.test(text)) {
    return JSON.parse(text);
  }
  return RAW.parse(text, (_, value, { source }) =>
    typeof value === 'number' && source !== undefined ? asWritten(source) : value,
  );
}

/** The number of a decimal text: a plain one where that reads the same. */
export function asWritten(source: string): number | WrittenNumber {
  const number = Number(source);
  return String(number) === source || (number === 0 && isExact(source)) ? number : new WrittenNumber(source);
}

/** True where JavaScript's number for a decimal text is that very number, to the last digit that it says. */
export function isExact(text: string): boolean {
  const number = Number(text);
  return Number.isFinite(number) && canonical(text) === canonical(String(number));
}

/** The digits without zeros around them, and their place: equal texts for equal numbers. */
function canonical(text: string): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^\s*([+-]?)0*(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?\s*$/.exec(text) ?? [];
  const digits = whole + fraction;
  let start = 0;
  let end = digits.length;
  while (start < end && digits[start] === '0') {
    start++;
  }
  while (end > start && digits[end - 1] === '0') {
    end--;
  }
  if (start === end) {
    return '0';
  }
  const place = BigInt(exponent) + BigInt(whole.length - start);
  return `${sign === '-' ? '-' : ''}0.${digits.slice(start, end)}e${place}`;
}
