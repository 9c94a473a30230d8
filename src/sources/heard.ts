import { covers } from '../model/keys.ts';
import type { Source, SourceEvent } from '../ports/source.ts';

/**
 * A source that says before each of its data that it was heard: for the ages and figures of each single source,
 * which are lost where several are merged.
 */
export function heard(source: Source, index: number): Source {
  return {
    name: source.name,
    ...(source.optional ? { optional: true } : {}),
    read: (signal, onRefused) => source.read(signal, onRefused),
    watch: (signal) => watchHeard(source, index, signal),
    ...(source.earlier ? { earlier: source.earlier } : {}),
  };
}

async function* watchHeard(source: Source, index: number, signal: AbortSignal): AsyncGenerator<SourceEvent> {
  const keys = new Set<string>();
  const of = { index, name: source.name };
  for await (const event of source.watch(signal)) {
    if (event.kind === 'snapshot') {
      const { refused = [] } = event;
      for (const key of keys) {
        if (!refused.some((prefix) => covers(prefix, key))) {
          keys.delete(key);
        }
      }
      for (const { key } of event.entries) {
        keys.add(key);
      }
      const { revision, entries } = event;
      const changed = entries.length;
      yield { kind: 'heard', of, what: 'snapshot', changed, keys: keys.size, revision, refused };
    } else if (event.kind === 'changes') {
      for (const change of event.changes) {
        if (change.kind === 'put') {
          keys.add(change.entry.key);
        } else {
          keys.delete(change.key);
        }
      }
      const { revision, changes } = event;
      yield { kind: 'heard', of, what: 'changes', changed: changes.length, keys: keys.size, revision };
    }
    yield event;
  }
}
