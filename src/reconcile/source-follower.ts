import type { Emit } from '../events.ts';
import type { Source } from './interfaces.ts';
import type { Mailbox } from './mailbox.ts';
import type { Picture } from './picture.ts';

/** Takes what a source tells into the picture, at once and in order, and wakes the loop. */
export async function followSource(
  options: {
    readonly source: Source;
    readonly picture: Picture;
    readonly mailbox: Mailbox;
    readonly emit: Emit;
  },
  signal: AbortSignal,
): Promise<void> {
  const { source, picture, mailbox, emit } = options;
  for await (const event of source.watch(signal)) {
    switch (event.kind) {
      case 'state': {
        const { state, error, of } = event;
        emit({ kind: 'source-state', source: of.index, name: of.name, state, error: error?.message ?? null });
        break;
      }
      case 'heard': {
        const { of, what, changed, keys, revision } = event;
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
      case 'changes': {
        const first = !picture.hasTree;
        const changed = event.kind === 'snapshot' ? picture.replace(event.entries) : event.changes.length;
        if (event.kind === 'changes') picture.apply(event.changes);
        if (changed > 0 || first)
          mailbox.post(first ? 'first tree' : `${changed} ${changed === 1 ? 'key' : 'keys'} changed`);
        break;
      }
    }
  }
}
