import type { Source, SourceEvent } from '../reconcile/interfaces.ts';
import { abortable } from './abortable.ts';
import { eventsOf } from './event-queue.ts';
import { parseTreeEntries } from './tree-file.ts';
import type { TreeShape } from './tree-shape.ts';

/** A text that is read once, such as standard input. */
export interface TextSourceOptions {
  /** For error messages. */
  readonly name: string;
  readonly shape: TreeShape;
  readText(): Promise<string>;
}

/** Keys of a text in the tree form that cannot change: `--from -`. A broken one makes `watch()` throw, too. */
export function textSource({ name, shape, readText }: TextSourceOptions): Source {
  let text: Promise<string> | undefined;
  const entries = async (signal: AbortSignal) => {
    text ??= readText();
    return parseTreeEntries(await abortable(text, signal), { file: name, shape, index: 0 });
  };
  return {
    name,
    read: entries,
    watch: (signal) =>
      eventsOf<SourceEvent>(signal, async (queue, inner) => {
        const all = await entries(inner);
        queue.push({ kind: 'snapshot', entries: all, revision: 0n });
        queue.push({ kind: 'state', state: 'live', of: { index: 0, name } });
        await new Promise<void>((resolve) =>
          inner.addEventListener('abort', () => resolve(), { once: true }),
        );
      }),
  };
}
