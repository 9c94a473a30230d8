import { rest } from '../ports/clock.ts';
import type { Source, SourceEvent } from '../ports/source.ts';
import { eventsOf, type Push } from './events-of.ts';
import { type FileSourceOptions, FileTree } from './file-tree.ts';
import { stateTeller } from './state-teller.ts';

/** Network mounts and exhausted inotify limits lose changes: a look at the dates costs next to nothing. */
const LOOK_AGAIN = 10_000;
/** While something is wrong, or cannot be watched. */
const LOOK_SOON = 1_000;

/**
 * Keys of a YAML or JSON file, or of a folder of them (.yaml, .yml, .json, merged in the order of their names, the
 * later wins; sub-folders are not read).
 *
 * The first snapshot waits until every file could be read. After that a file that is broken keeps its last good
 * content, and so does a path that is gone; both are told as `stale` with file and line. A file that goes from a
 * folder takes its keys along. Files that are still being written are waited for.
 */
export function fileSource(options: FileSourceOptions): Source {
  const name = `file ${options.path}`;
  return {
    name,
    async read(signal) {
      const files = new FileTree(options);
      await files.update(signal);
      signal.throwIfAborted();
      if (files.error) {
        throw files.error;
      }
      return [...files.tree];
    },
    watch: (signal) =>
      eventsOf<SourceEvent>(signal, (push, inner) => follow(options, { name, push, signal: inner })),
  };
}

async function follow(
  options: FileSourceOptions,
  {
    name,
    push,
    signal,
  }: { readonly name: string; readonly push: Push<SourceEvent>; readonly signal: AbortSignal },
): Promise<void> {
  const files = new FileTree(options);
  const state = stateTeller(push, { index: options.index, name });
  await using changes = await watchPath(options.path);
  let complete = false;
  while (!signal.aborted) {
    changes.take();
    const changed = await files.update(signal);
    if (signal.aborted) {
      return;
    }
    const { error } = files;
    if (!complete && !error) {
      complete = true;
      push({ kind: 'snapshot', entries: [...files.tree], revision: 0n });
    } else if (complete && changed.length > 0) {
      push({ kind: 'changes', changes: changed, revision: 0n });
    }
    if (error) {
      state.failed(error);
    } else {
      state.live();
    }
    await changes.next(error ? LOOK_SOON : changes.lookAgain, signal);
  }
}

/** Tells that something moved at a path; one slot, whatever the number of events. */
interface PathChanges extends AsyncDisposable {
  readonly lookAgain: number;
  /** Empties the slot. */
  take(): void;
  /** Waits for a change, for at most `limit` milliseconds. */
  next(limit: number, signal: AbortSignal): Promise<void>;
}

async function watchPath(path: string): Promise<PathChanges> {
  const { watch } = await import('chokidar');
  let lookAgain = LOOK_AGAIN;
  let moved = new AbortController();
  const watcher = watch(path, { ignoreInitial: true, depth: 0 });
  watcher.on('all', () => moved.abort());
  // What changed before the watch stood is seen by looking once more.
  watcher.on('ready', () => moved.abort());
  watcher.on('error', () => {
    lookAgain = LOOK_SOON;
  });
  return {
    get lookAgain() {
      return lookAgain;
    },
    take() {
      if (moved.signal.aborted) {
        moved = new AbortController();
      }
    },
    next: (limit, signal) => rest(limit, moved.signal, signal),
    [Symbol.asyncDispose]: () => watcher.close(),
  };
}
