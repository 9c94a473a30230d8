import type { Source } from '../ports/source.ts';

/** A source that can be opened anew while it is watched. */
export interface Renewed {
  readonly source: Source;
  /** From now on it is what `open` gives now: who watches gets all of that as a snapshot, and nothing is gone until then. */
  renew(): void;
}

/** `open` opens nothing yet, and gives a source of the same name. */
export function renewed(open: () => Source): Renewed {
  let current = open();
  let again = new AbortController();
  const { name, optional, earlier } = current;
  const source: Source = {
    name,
    ...(optional === undefined ? {} : { optional }),
    read: (signal, onRefused) => current.read(signal, onRefused),
    async *watch(signal, known) {
      while (!signal.aborted) {
        again = new AbortController();
        yield* current.watch(AbortSignal.any([signal, again.signal]), known);
      }
    },
    ...(earlier && { earlier: (entries, signal) => (current.earlier ?? earlier)(entries, signal) }),
  };
  return {
    source,
    renew: () => {
      current = open();
      again.abort();
    },
  };
}
