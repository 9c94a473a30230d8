import { afterAll, beforeAll } from 'vitest';
import { type ChosenHaproxy, chooseHaproxy } from './chosen-haproxy.ts';
import type { HaproxyBinary } from './haproxy-versions.ts';

/** Called in a `describe`: `haproxy` means this one for its tests and all that they start. */
export function useHaproxy({ name }: HaproxyBinary): void {
  let chosen: ChosenHaproxy;
  beforeAll(() => {
    chosen = chooseHaproxy(name);
  });
  afterAll(() => chosen[Symbol.dispose]());
}
