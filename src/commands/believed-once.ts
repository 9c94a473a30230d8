import { PointsmanError, SourceError } from '../errors.ts';
import type { BelievedStore } from '../ports/stores.ts';
import { lookOnce } from '../reconcile/guard-watch.ts';
import type { Parts } from '../reconcile/parts.ts';
import type { Settings } from '../settings/settings.ts';
import { type ReadLayers, readLayers } from '../sources/read-layers.ts';
import type { Trees } from '../tree/trees.ts';
import type { Io } from './io.ts';
import { type Shell, sourcesOf } from './open.ts';

export interface OnceOptions extends Pick<Parts, 'trees' | 'quarantine' | 'mailbox' | 'account'> {
  readonly shell: Pick<Shell, 'file'>;
  readonly store: BelievedStore;
}

/**
 * Fills the trees as the daemon does at its start: the sources through the guard, compared with what was
 * believed last, or the cache where they do not answer. The caller closes them. Throws a `SourceError`.
 */
export async function believeOnce(io: Io, settings: Settings, options: OnceOptions): Promise<void> {
  const { trees, quarantine, shell, store } = options;
  const file = await shell.file.read();
  await trees.open(file === null ? 'none' : 'installed');
  const answer = await readPatiently(io, settings, trees);
  if (answer instanceof PointsmanError) {
    if (!trees.giveUpWaiting() || !trees.served.hasTree) {
      throw answer;
    }
  } else {
    for (const { place, refused } of answer.given) {
      trees.read(place, refused);
    }
    for (const { message } of answer.stale) {
      io.err(`stale: what was read before is used: ${message}`);
    }
    trees.take({ kind: 'snapshot', entries: answer.entries, revision: 0n });
  }
  quarantine.look();
  await lookOnce(options, store);
  const tree = trees.served.toDraw();
  if (tree.kind === 'nothing') {
    throw new SourceError(`rendering: ${tree.missing}`);
  }
}

/** With a cache to fall back on it waits for `cache.wait`, else until the sources answer or fail. */
async function readPatiently(io: Io, settings: Settings, trees: Trees): Promise<ReadLayers | PointsmanError> {
  const limits = trees.hasCache ? [AbortSignal.timeout(trees.wait)] : [];
  const signal = AbortSignal.any([io.signal, ...limits]);
  try {
    const sources = sourcesOf(io, settings);
    io.waitsFor(`the sources (${sources.map(({ name }) => name).join(', ')})`);
    return await readLayers(sources, trees.known, signal);
  } catch (error) {
    io.signal.throwIfAborted();
    if (signal.aborted) {
      return new SourceError(`reading the sources: no answer in ${trees.wait} ms`);
    }
    if (error instanceof PointsmanError) {
      return error;
    }
    throw error;
  }
}
