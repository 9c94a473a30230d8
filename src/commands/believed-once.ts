import { PointsmanError, SourceError } from '../errors.ts';
import type { Emit } from '../events.ts';
import type { Entry } from '../model/entry.ts';
import { rest } from '../ports/clock.ts';
import { lookOnce } from '../reconcile/guard-watch.ts';
import { Mailbox } from '../reconcile/mailbox.ts';
import { Trees } from '../reconcile/trees.ts';
import type { Settings } from '../settings/settings.ts';
import type { ServedTree } from '../tree/served-tree.ts';
import type { Io } from './io.ts';
import { entriesOf, guardOf, type Shell } from './open.ts';

export interface OnceOptions {
  readonly served: ServedTree;
  readonly shell: Pick<Shell, 'file' | 'haproxy'>;
  readonly emit: Emit;
  /** `any` with `--accept-stale`. */
  readonly cache: 'fresh' | 'any';
}

/**
 * Fills the served tree as the daemon does at its start: the sources through the guard, compared with what was
 * believed last, or the cache where they do not answer. The caller closes it. Throws a `SourceError`.
 */
export async function believeOnce(io: Io, settings: Settings, options: OnceOptions): Promise<Trees> {
  const { served, shell, emit, cache } = options;
  const guard = guardOf(settings, cache);
  const trees = new Trees({ served, emit, guard });
  await trees.open((await shell.file.read()) === null ? 'none' : 'installed');
  const answer = await readPatiently(io, settings, trees);
  if (answer instanceof PointsmanError) {
    if (!trees.giveUpWaiting() || !served.hasTree) {
      throw answer;
    }
  } else {
    trees.take({ kind: 'snapshot', entries: answer, revision: 0n });
  }
  await lookOnce({ trees, store: guard.store, mailbox: new Mailbox(), quarantine: { served: () => {} } });
  const tree = served.toDraw();
  if (tree.kind === 'nothing') {
    throw new SourceError(`rendering: ${tree.missing}`);
  }
  return trees;
}

/** With a cache to fall back on it waits for `cache.wait`, else until the sources answer or fail. */
async function readPatiently(
  io: Io,
  settings: Settings,
  trees: Trees,
): Promise<readonly Entry[] | PointsmanError> {
  const over = new AbortController();
  const signal = AbortSignal.any([io.signal, over.signal]);
  const read = entriesOf({ ...io, signal }, settings).catch((error: unknown) => {
    if (error instanceof PointsmanError) {
      return error;
    }
    if (over.signal.aborted) {
      return new SourceError('reading the sources: no answer in time');
    }
    throw error;
  });
  if (!trees.hasCache) {
    return read;
  }
  const late = async () => {
    await rest(trees.wait, signal);
    return new SourceError(`reading the sources: no answer in ${trees.wait} ms`);
  };
  try {
    return await Promise.race([read, late()]);
  } finally {
    over.abort();
  }
}
