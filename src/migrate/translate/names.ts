/** Words of nunjucks' own, and the loop's. */
const WORDS =
  'and or not in is if else elif true false none null for endfor set macro import from include extends block loop caller super raw call filter switch case default go store'.split(
    ' ',
  );

/** Gives names that hide nothing: neither what the template calls, nor what is visible where they are used. */
export class Names {
  readonly #reserved: Set<string>;

  /** `reserved`: the names that the template calls. */
  constructor(reserved: Iterable<string>) {
    this.#reserved = new Set([...WORDS, ...reserved]);
  }

  /** The name itself where it is free, else `name_2`, `name_3`; it is visible from now on where `visible` is. */
  take(wanted: string, visible: Set<string>): string {
    const plain = wanted.replace(/[^\p{L}\p{Nd}_]/gu, '_').replace(/^(?=\p{Nd}|$)/u, 'v');
    let name = plain;
    for (let next = 2; this.#reserved.has(name) || visible.has(name); next++) {
      name = `${plain}_${next}`;
    }
    visible.add(name);
    return name;
  }

  /** The same for the whole file. */
  reserve(wanted: string): string {
    return this.take(wanted, this.#reserved);
  }
}
