import { PointsmanError, SourceError } from '../errors.ts';
import type { Entry } from '../model/entry.ts';
import type { KnownLayers, Source } from '../ports/source.ts';
import { topmost } from './merge-sources.ts';
import { SourceLayer } from './source-layer.ts';

/** What was read of some sources, each once. */
export interface ReadLayers {
  readonly entries: readonly Entry[];
  /** The places of those that gave something, with the prefixes that they may not be asked for. */
  readonly given: readonly { readonly place: number; readonly refused: readonly string[] }[];
  /** Why something is not as the sources have it now. */
  readonly stale: readonly Error[];
}

/**
 * Reads each source once, as `mergeSources` follows them: what is known stands in for one that gives nothing and for prefixes
 * that may not be read. Throws what is wrong where nothing is known of it, or where no source gives anything.
 */
export async function readLayers(
  sources: readonly Source[],
  known: Pick<KnownLayers, 'of'>,
  signal: AbortSignal,
): Promise<ReadLayers> {
  const stale: Error[] = [];
  const given: ReadLayers['given'][number][] = [];
  const layers = await Promise.all(
    sources.map(async (source, place) => {
      const layer = new SourceLayer({ optional: source.optional ?? false, known: known.of(place) });
      let refused: readonly string[] = [];
      let why: Error | undefined;
      try {
        const entries = await source.read(signal, (refusal) => {
          refused = refusal.prefixes;
          why = refusal.error;
        });
        layer.replace({ entries, refused });
        given.push({ place, refused });
      } catch (error) {
        why = whyNothing(error, source, signal);
      }
      if (why && !layer.isComplete && !(layer.isOptional && !layer.hasGiven)) {
        throw why;
      }
      if (why) {
        stale.push(why);
      }
      return layer;
    }),
  );
  const [first] = stale;
  if (given.length === 0 && first) {
    throw first;
  }
  return { entries: topmost(layers), given, stale };
}

/** Throws what is a bug. */
function whyNothing(error: unknown, { name }: Source, signal: AbortSignal): Error {
  if (signal.aborted) {
    return new SourceError(`reading ${name}: no answer in time`);
  }
  if (error instanceof PointsmanError) {
    return error;
  }
  throw error;
}
