import type { Site } from './site.ts';

/** What a memo's body may use besides its own object. */
export interface MemoInputs {
  readonly vars: object;
  readonly node: object;
  readonly haproxy: object;
}

/**
 * Remembers what each `{% memo %}` made of each object, as long as that object lives and vars, node and haproxy
 * stay what they were (the same objects, or equal ones).
 */
export class MemoCache {
  #inputs: MemoInputs | null = null;
  #texts = new WeakMap<object, Map<Site, string>>();

  /** To be called before each render. */
  begin({ vars, node, haproxy }: MemoInputs): void {
    const before = this.#inputs;
    this.#inputs = { vars, node, haproxy };
    const same =
      before !== null &&
      sameData(before.vars, vars) &&
      sameData(before.node, node) &&
      sameData(before.haproxy, haproxy);
    if (!same) {
      this.#texts = new WeakMap();
    }
  }

  get(key: object, place: Site): string | undefined {
    return this.#texts.get(key)?.get(place);
  }

  set(key: object, place: Site, text: string): void {
    flatten(text);
    const texts = this.#texts.get(key);
    if (texts === undefined) {
      this.#texts.set(key, new Map([[place, text]]));
    } else {
      texts.set(place, text);
    }
  }
}

/**
 * Has V8 put the pieces that a text was joined from together, in place. Otherwise it keeps all of them (a dozen for
 * each server), and every later text that holds this one has to walk through them again.
 */
function flatten(text: string): void {
  Number(text);
}

function sameData(a: object, b: object): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}
