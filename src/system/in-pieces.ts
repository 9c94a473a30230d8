import { setImmediate as afterOthers } from 'node:timers/promises';

/** Milliseconds of work in one go. */
const PIECE = 4;

/** Work that stops now and then, at each `yield`, so that it can be done in pieces. */
export type Pieces<T> = Generator<undefined, T>;

/** Does it, and lets everybody else have a turn after each few milliseconds. */
export async function inPieces<T>(work: Pieces<T>): Promise<T> {
  let begun = performance.now();
  for (let step = work.next(); ; step = work.next()) {
    if (step.done) {
      return step.value;
    }
    if (performance.now() - begun > PIECE) {
      await afterOthers();
      begun = performance.now();
    }
  }
}

/** Does it in one go. */
export function atOnce<T>(work: Pieces<T>): T {
  for (;;) {
    const step = work.next();
    if (step.done) {
      return step.value;
    }
  }
}

/** The JSON text of an object, one of whose fields is a long list. */
export function* jsonText<K extends string>(
  object: Readonly<Record<K, readonly unknown[]>>,
  field: K,
): Pieces<string> {
  const { [field]: list, ...rest } = object;
  const parts: string[] = [];
  for (const one of list) {
    parts.push(JSON.stringify(one));
    yield;
  }
  const others = JSON.stringify(rest).slice(1, -1);
  return `{${others}${others === '' ? '' : ','}${JSON.stringify(field)}:[${parts.join(',')}]}`;
}
