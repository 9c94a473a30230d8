import { once } from 'node:events';
import type { Source, SourceEvent } from '../ports/source.ts';
import { abortable } from './abortable.ts';
import { eventsOf } from './events-of.ts';
import { parseTreeEntries } from './tree-file.ts';
import type { TreeShape } from './tree-shape.ts';
import { fileText } from './utf8-text.ts';

/** A text that is read once, such as standard input. */
export interface TextSourceOptions {
  /** For error messages. */
  readonly name: string;
  readonly shape: TreeShape;
  readText(): Promise<Buffer>;
}

/** Keys of a text in the tree form that cannot change: `--from -`. A broken one makes `watch()` throw, too. */
export function textSource({ name, shape, readText }: TextSourceOptions): Source {
  let text: Promise<Buffer> | undefined;
  const entries = async (signal: AbortSignal) => {
    text ??= readText();
    const bytes = await abortable(text, signal);
    return parseTreeEntries(fileText(bytes, name), { file: name, shape, index: 0 });
  };
  return {
    name,
    read: entries,
    watch: (signal) =>
      eventsOf<SourceEvent>(signal, async (push, inner) => {
        push({ kind: 'snapshot', entries: await entries(inner), revision: 0n });
        push({ kind: 'state', state: 'live', of: { index: 0, name } });
        if (!inner.aborted) {
          await once(inner, 'abort');
        }
      }),
  };
}
