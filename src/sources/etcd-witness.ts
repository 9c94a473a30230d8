import type { Entry } from '../model/entry.ts';
import type { EtcdConnection } from './etcd-client.ts';
import type { Revision } from './revision-merger.ts';

/** A full read, as a `Witness` takes it. */
export interface Testimony {
  readonly entries: readonly Entry[];
  /** The newest revision in it. */
  readonly revision: bigint;
}

/**
 * Remembers one key of the store, the one that was written last, and asks for it before a stream is resumed. A
 * store that was wiped and filled again past our revision shows neither by revision nor by cluster id, but it will
 * hardly have had this key, written at this very revision.
 *
 * Knows too what a full read beside the stream has brought already, so that nothing goes back or comes twice.
 */
export class Witness {
  #revision = 0n;
  #read = 0n;
  #entry: Entry | null = null;

  constructor(snapshot: Testimony) {
    this.reread(snapshot, snapshot.revision);
  }

  /** The newest revision that was given out. */
  get revision(): bigint {
    return this.#revision;
  }

  /** A full read was given out: of the revision `read`, with what the stream brought after it. */
  reread({ entries, revision }: Testimony, read: bigint): void {
    this.#revision = revision;
    this.#read = read;
    this.#entry = entries
      .filter(isText)
      .reduce<Entry | null>((a, b) => (a && a.modified > b.modified ? a : b), null);
  }

  /** Takes note of what the stream brought; says whether a full read has brought it before. */
  knows({ revision, changes }: Revision): boolean {
    if (revision <= this.#read) {
      return true;
    }
    if (revision > this.#revision) {
      this.#revision = revision;
    }
    for (const change of changes) {
      if (change.kind === 'put' && isText(change.entry)) {
        this.#entry = change.entry;
      }
      if (change.kind === 'delete' && change.key === this.#entry?.key) {
        this.#entry = null;
      }
    }
    return false;
  }

  /** Whether the store is still the one that we know; where it cannot be told, it is. */
  async confirms(connection: EtcdConnection, signal: AbortSignal): Promise<boolean> {
    const entry = this.#entry;
    if (!entry) {
      return true;
    }
    try {
      const request = { key: Buffer.from(entry.key), revision: String(this.#revision), keys_only: true };
      const { kvs } = await connection.ask(request, signal);
      const [found] = kvs;
      return found?.modified === entry.modified && found.created === entry.created;
    } catch (error) {
      if (String(error).includes('future revision')) {
        return false;
      }
      // Which prefix is not permitted is said by whoever asks for all of them; the watch says if it needs what is gone.
      if (/permission denied|has been compacted/.test(String(error))) {
        return true;
      }
      throw error;
    }
  }
}

/** A key of other bytes than UTF-8 cannot be asked for by what we keep of it. */
function isText({ key }: Entry): boolean {
  return key.isWellFormed();
}
