import type { Entry } from '../model/entry.ts';
import { rest } from '../ports/clock.ts';
import type { EtcdSnapshot } from './etcd-snapshot.ts';
import type { Revision } from './revision-merger.ts';

/** What was read, with what the stream brought meanwhile. */
export interface Told {
  readonly entries: readonly Entry[];
  /** The newest revision in it; `read` is that of the full read itself. */
  readonly revision: bigint;
  readonly read: bigint;
}

export interface RereadOptions {
  /** Milliseconds until the next one, give or take a quarter. */
  every(): number;
  read(): Promise<EtcdSnapshot>;
  tell(snapshot: Told): void;
}

/** Full reads beside a stream. */
export interface Rereading {
  /** Reads again and again until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>;
  /** To be told of everything that the stream brings. */
  note(revision: Revision): void;
}

/**
 * Reads everything again from time to time beside a running stream, and tells it as a snapshot: a store that was
 * wiped and has passed our revision again shows neither by revision nor by cluster id. What the stream brings
 * meanwhile is laid over what was read, so the snapshot is as new as the stream and never goes back.
 */
export function rereading({ every, read, tell }: RereadOptions): Rereading {
  let meanwhile: Revision[] | null = null;
  return {
    note: (revision) => void meanwhile?.push(revision),
    async run(signal) {
      for (;;) {
        await rest(every() * (0.75 + Math.random() / 2), signal);
        if (signal.aborted) {
          return;
        }
        meanwhile = [];
        try {
          const snapshot = await read();
          if (!signal.aborted) {
            tell(overlay(snapshot, meanwhile));
          }
        } catch {
          // Whether etcd is well is the stream's business, which notices within seconds; this is tried again.
        }
        meanwhile = null;
      }
    },
  };
}

function overlay({ entries, revision }: EtcdSnapshot, revisions: readonly Revision[]): Told {
  const newer = revisions.filter((one) => one.revision > revision);
  const last = newer.at(-1);
  if (!last) {
    return { entries, revision, read: revision };
  }
  const tree = new Map<string, Entry>(entries.map((entry) => [entry.key, entry]));
  for (const change of newer.flatMap(({ changes }) => changes)) {
    if (change.kind === 'put') {
      tree.set(change.entry.key, change.entry);
    } else {
      tree.delete(change.key);
    }
  }
  return { entries: [...tree.values()], revision: last.revision, read: revision };
}
