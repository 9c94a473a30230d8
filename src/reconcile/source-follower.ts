import type { Emit } from '../events.ts';
import type { Believed } from '../guard/believed.ts';
import type { Source, SourceEvent } from '../ports/source.ts';
import type { ServedTree } from '../tree/served-tree.ts';
import type { Mailbox } from './mailbox.ts';

export interface SourceFollowerOptions {
  readonly source: Source;
  readonly served: ServedTree;
  readonly believed: Believed | undefined;
  readonly mailbox: Mailbox;
  readonly emit: Emit;
}

type Data = Extract<SourceEvent, { kind: 'snapshot' | 'changes' }>;

/**
 * Takes what a source tells into the served tree, at once and in order, and wakes the loop. With `believed` it goes
 * through the guard. Where that throws, it begins anew with everything that the source has.
 */
export async function followSource(options: SourceFollowerOptions, signal: AbortSignal): Promise<void> {
  const { source, served, believed, mailbox, emit } = options;
  const take = (event: Data) => {
    const first = !served.hasTree;
    const { view } = served;
    const changed = believed ? believed.take(event) : takePlainly(served, event);
    if ((changed > 0 && served.view !== view) || first) {
      mailbox.post(first ? 'first tree' : `${changed} ${changed === 1 ? 'key' : 'keys'} changed`);
    }
  };
  for await (const event of source.watch(signal)) {
    switch (event.kind) {
      case 'state': {
        const { state, error, of } = believed?.state(event) ?? event;
        emit({ kind: 'source-state', source: of.index, name: of.name, state, error: error?.message ?? null });
        break;
      }
      case 'notice':
        emit(event);
        break;
      case 'heard': {
        const { of, what, changed, keys, revision } = event;
        believed?.heard(event);
        emit({
          kind: 'source-data',
          source: of.index,
          name: of.name,
          what,
          changed,
          keys,
          revision: String(revision),
        });
        break;
      }
      case 'snapshot':
      case 'changes':
        try {
          take(event);
        } catch (error) {
          believed?.recover();
          throw error;
        }
    }
  }
}

function takePlainly(served: ServedTree, event: Data): number {
  if (event.kind === 'snapshot') {
    return served.replace(event.entries).changes.length;
  }
  served.apply(event.changes);
  return event.changes.length;
}
