import type { Entry } from '../model/entry.ts';
import type { SourceEvent } from '../reconcile/interfaces.ts';
import type { EtcdSnapshot } from './etcd-snapshot.ts';
import type { Revision } from './revision-merger.ts';

/** What a `Reread` works with. */
export interface RereadOptions {
  /** Milliseconds, give or take a quarter. */
  readonly every: number;
  read(): Promise<EtcdSnapshot>;
  tell(event: SourceEvent): void;
}

/**
 * Reads everything again from time to time beside a running stream, and tells it as a snapshot: a store that was
 * wiped and has passed our revision again shows neither by revision nor by cluster id. What the stream brings
 * meanwhile is laid over what was read, so the snapshot is as new as the stream and never goes back.
 */
export class Reread {
  readonly #options: RereadOptions;
  #timer: NodeJS.Timeout | undefined;
  #meanwhile: Revision[] | null = null;
  #stopped = false;

  constructor(options: RereadOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setTimeout(() => void this.#turn(), this.#options.every * (0.75 + Math.random() / 2));
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  /** To be told of everything that the stream brings. */
  note(revision: Revision): void {
    this.#meanwhile?.push(revision);
  }

  async #turn(): Promise<void> {
    this.#meanwhile = [];
    try {
      const snapshot = await this.#options.read();
      if (!this.#stopped) this.#options.tell(overlay(snapshot, this.#meanwhile));
    } catch {
      // Whether etcd is well is the stream's business, which notices within seconds; this is tried again.
    }
    this.#meanwhile = null;
    if (!this.#stopped) this.start();
  }
}

function overlay(snapshot: EtcdSnapshot, revisions: readonly Revision[]): SourceEvent {
  const newer = revisions.filter(({ revision }) => revision > snapshot.revision);
  const last = newer.at(-1);
  if (!last) return { kind: 'snapshot', entries: snapshot.entries, revision: snapshot.revision };
  const tree = new Map<string, Entry>(snapshot.entries.map((entry) => [entry.key, entry]));
  for (const change of newer.flatMap(({ changes }) => changes)) {
    if (change.kind === 'put') tree.set(change.entry.key, change.entry);
    else tree.delete(change.key);
  }
  return { kind: 'snapshot', entries: [...tree.values()], revision: last.revision };
}
