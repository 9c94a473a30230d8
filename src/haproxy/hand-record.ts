import { z } from 'zod';
import { messageAndHint } from '../errors.ts';
import type { HaproxyEvent } from '../events-haproxy.ts';
import type { StateFile } from '../ports/stores.ts';
import { isSameWorker, WORKER_ID, type WorkerId } from './server-journal.ts';
import type { ServerByHand } from './server-state-rows.ts';

const FILE = z.object({
  /** The one that has them; missing where an older Pointsman wrote it. */
  worker: WORKER_ID.optional(),
  servers: z.array(
    z.object({
      backend: z.string(),
      server: z.string(),
      address: z.string(),
      admin: z.enum(['ready', 'maint', 'drain']).nullable(),
      weight: z.number().nullable(),
      /** Milliseconds since 1970, when it was seen first. */
      since: z.number(),
      /** By which keys its instance is registered; empty where it is none's, null where that was not known. */
      registered: z.string().nullable(),
    }),
  ),
});

/** A server that a person set, and since when. */
export type HandEntry = ServerByHand & Readonly<z.infer<typeof FILE>['servers'][number]>;

/** Of the form on the disk: raised where an older Pointsman would misread it. */
const VERSION = 1;

/** Milliseconds after which a server that is set by hand is likely forgotten. */
export const LONG_BY_HAND = 3_600_000;

/** What became of servers that a person set. */
export type HandChange = Extract<
  HaproxyEvent,
  { readonly kind: 'set-by-hand' | 'set-by-hand-long' | 'set-by-hand-over' }
>;

type OverCause = Extract<HandChange, { kind: 'set-by-hand-over' }>['cause'];

export interface HandRecordOptions {
  readonly file: StateFile;
  /**
   * By which keys, and since which revisions, the instance is registered that this server is; empty where it is none's, null
   * while that is not known. @default none is
   */
  readonly registered?: (server: ServerByHand) => string | null;
  readonly onChange?: (change: HandChange) => void;
  /** Told where the file cannot be read or written. */
  readonly onTrouble: (message: string) => void;
}

/** The servers that a person set, with their ages, in memory and in a file: both outlive the worker. */
export class HandRecord {
  readonly #options: HandRecordOptions;
  readonly #servers = new Map<string, HandEntry>();
  readonly #told = new Set<string>();
  #isLoaded = false;
  /** The one that was seen last. */
  #worker: WorkerId | null = null;
  /** What whoever comes next was handed. */
  #handed: ReadonlySet<string> = new Set();
  #isHandingOver = false;

  constructor(options: HandRecordOptions) {
    this.#options = options;
  }

  /** Reads what an earlier process knew, once; a file that is missing or damaged counts as an empty one. */
  async load(): Promise<readonly HandEntry[]> {
    if (!this.#isLoaded) {
      this.#isLoaded = true;
      const { worker, servers } = await readHandFile(this.#options.file);
      for (const one of servers) {
        this.#servers.set(nameOf(one), one);
        this.#options.onChange?.({ kind: 'set-by-hand', server: told(one) });
      }
      this.#worker = worker ?? null;
      this.#handed = worker ? new Set() : new Set(this.#servers.keys());
    }
    return [...this.#servers.values()];
  }

  /** These are the ones that a person set, as this worker of HAProxy has them now. */
  async saw(found: readonly ServerByHand[], worker: WorkerId): Promise<void> {
    const { onChange } = this.#options;
    await this.load();
    const before = JSON.stringify([...this.#servers]);
    const isOther = !isSameWorker(this.#worker, worker);
    const now = Date.now();
    const names = new Set(found.map(nameOf));
    for (const [name, server] of this.#servers) {
      if (!names.has(name)) {
        this.#servers.delete(name);
        this.#told.delete(name);
        onChange?.({ kind: 'set-by-hand-over', server: told(server), cause: this.#whyOver(server, worker) });
      }
    }
    for (const one of found) {
      const known = this.#servers.get(nameOf(one));
      const isSame = known?.admin === one.admin && known.weight === one.weight;
      const entry = isSame
        ? known
        : {
            ...one,
            since: now,
            registered: this.#registered(one),
            ...(known && { address: known.address, registered: known.registered }),
          };
      this.#servers.set(nameOf(one), entry);
      if (!isSame) {
        onChange?.({ kind: 'set-by-hand', server: told(entry) });
      }
      if (now - entry.since >= LONG_BY_HAND && !this.#told.has(nameOf(one))) {
        this.#told.add(nameOf(one));
        onChange?.({ kind: 'set-by-hand-long', server: told(entry), ms: now - entry.since });
      }
    }
    this.#worker = worker;
    if (!this.#isHandingOver) {
      this.#handed = new Set();
    }
    if (JSON.stringify([...this.#servers]) !== before || (isOther && this.#servers.size > 0)) {
      await this.#write(worker);
    }
  }

  async #write(worker: WorkerId): Promise<void> {
    const { file, onTrouble } = this.#options;
    const content = { version: VERSION, worker, servers: [...this.#servers.values()] };
    await file.write(`${JSON.stringify(content)}\n`).catch((error: unknown) => {
      onTrouble(messageAndHint(error).message);
    });
  }

  /** Whether it is known, and still the one that was set: its address is, and nobody registered it anew. */
  isSame(server: ServerByHand): boolean {
    const known = this.#servers.get(nameOf(server));
    return known?.address === server.address && this.#isRegisteredStill(known);
  }

  /**
   * Lets HAProxy begin anew with what is known now. Before `begin` is over the new worker may be seen, and so may the one of
   * before, with what a person set too late for the new one.
   */
  async handOver<T>(begin: () => Promise<T>): Promise<T> {
    this.#handed = new Set(this.#servers.keys());
    this.#isHandingOver = true;
    try {
      return await begin();
    } finally {
      this.#isHandingOver = false;
    }
  }

  #registered(server: ServerByHand): string | null {
    const { registered = () => '' } = this.#options;
    return registered(server);
  }

  #isRegisteredStill(known: HandEntry): boolean {
    const now = this.#registered(known);
    return now === null || known.registered === null || now === known.registered;
  }

  #whyOver(server: HandEntry, worker: WorkerId): OverCause {
    if (!this.#isRegisteredStill(server)) {
      return 'registered anew';
    }
    const hadIt = isSameWorker(this.#worker, worker) || this.#handed.has(nameOf(server));
    return hadIt ? 'set back' : 'undone';
  }
}

/** What the file holds; empty where it is missing or damaged. */
export async function readHandFile(file: StateFile): Promise<Readonly<z.infer<typeof FILE>>> {
  try {
    return FILE.parse(JSON.parse((await file.read()) ?? '{"servers":[]}'));
  } catch {
    return { servers: [] };
  }
}

function told({ registered: _, ...server }: HandEntry): HandChange['server'] {
  return server;
}

function nameOf({ backend, server }: Pick<ServerByHand, 'backend' | 'server'>): string {
  return `${backend}/${server}`;
}
