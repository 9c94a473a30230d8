import type { Entry } from '../model/entry.ts';
import { clock } from '../ports/clock.ts';
import type { Source } from '../ports/source.ts';
import { takeEarlierValues } from '../tree/earlier-values.ts';
import type { SourceData } from '../tree/raw-tree.ts';
import type { Parts } from './parts.ts';

/**
 * Takes what a source tells into the trees, at once and in order, and wakes the loop. Where that throws, it begins anew
 * with everything that the source has.
 */
export async function followSource(parts: Parts, source: Source, signal: AbortSignal): Promise<void> {
  const { trees, mailbox, quarantine, account, emit } = parts;
  const asked = new WeakSet<Entry>();
  const take = async (event: SourceData) => {
    const at = clock.now();
    const first = !trees.served.hasTree;
    const { changed, changes, seen } = trees.take(event);
    account.came(changes, { revision: event.revision, at });
    if (event.kind === 'snapshot') {
      await takeEarlierValues(parts, { source, asked, signal });
    }
    quarantine.look();
    if ((changed > 0 && seen) || first) {
      mailbox.post(first ? 'first tree' : `${changed} ${changed === 1 ? 'key' : 'keys'} changed`);
    }
  };
  for await (const event of source.watch(signal, trees.known)) {
    switch (event.kind) {
      case 'state': {
        const { state, error, refused, of } = trees.state(event);
        const source = { source: of.index, name: of.name };
        emit({
          kind: 'source-state',
          ...source,
          state,
          error: error?.message ?? null,
          ...(refused && { refused }),
        });
        break;
      }
      case 'notice':
        emit(event);
        break;
      case 'heard': {
        const { kind: _, of, revision, refused: __, ...data } = event;
        trees.heard(event);
        const source = { source: of.index, name: of.name };
        emit({ kind: 'source-data', ...source, ...data, revision: String(revision) });
        break;
      }
      case 'snapshot':
      case 'changes':
        await take(event);
        // What has come meanwhile is one event then: taking it may cost something for each key that there is.
        await clock.breathe();
    }
  }
}
