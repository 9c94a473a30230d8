import type { Came } from '../events.ts';
import type { Entry } from '../model/entry.ts';
import { ReadEntry } from '../model/read-entry.ts';
import type { Meta, Service } from '../model/service.ts';
import { shorten } from '../model/shorten.ts';
import { whatChanged } from '../model/what-changed.ts';
import type { Drawable } from '../rollout/drawing.ts';

/** A key that is another one now, or gone. */
export type ChangedKey =
  | { readonly kind: 'put'; readonly entry: Entry }
  | { readonly kind: 'delete'; readonly key: string; readonly before: Entry };

/** So many keys, and so many who wrote them, are named. */
const MOST_NAMED = 5;
/** For so many services one of their keys is remembered. */
const MOST_SERVICES = 100;

/** What came, as it is gathered. */
class Gathered {
  readonly #keys = new Set<string>();
  readonly #by = new Set<string>();
  /** One of the keys of each service that they are about. */
  readonly ofService = new Map<string, string>();
  #count = 0;
  #revision: string | null = null;
  #since: number | null = null;

  /** When the first of them arrived, in milliseconds of `clock.now()`; null where none did. */
  get since(): number | null {
    return this.#since;
  }

  /** For whoever tells it. */
  get came(): Came {
    return {
      keys: [...this.#keys],
      count: this.#count,
      revision: this.#revision,
      by: [...this.#by],
    };
  }

  add(changes: readonly ChangedKey[], { revision, at, by }: Arrival): void {
    this.#since ??= changes.length > 0 ? at : null;
    this.#count += changes.length;
    this.#revision = revision && changes.length > 0 ? String(revision) : this.#revision;
    for (const change of changes) {
      this.#name(change.kind === 'put' ? change.entry : change.before, by);
    }
  }

  /** Takes what came after these. */
  join(later: Gathered): void {
    this.#since ??= later.#since;
    this.#count += later.#count;
    this.#revision = later.#revision ?? this.#revision;
    later.#keys.forEach((key) => void addUpTo(this.#keys, key));
    later.#by.forEach((author) => void addUpTo(this.#by, author));
    later.ofService.forEach((key, service) => void this.#noteService(service, key));
  }

  #name(entry: Entry, by?: string): void {
    addUpTo(this.#keys, entry.key);
    if (!(entry instanceof ReadEntry)) {
      return;
    }
    const { role } = entry.meaning;
    if ('service' in role) {
      this.#noteService(role.service, entry.key);
    }
    const author = by ?? authorOf(entry);
    if (author !== null) {
      addUpTo(this.#by, author);
    }
  }

  #noteService(service: string, key: string): void {
    if (this.ofService.size < MOST_SERVICES && !this.ofService.has(service)) {
      this.ofService.set(service, key);
    }
  }
}

/** How keys came. */
export interface Arrival {
  /** Of their store, where they come from one. */
  readonly revision?: bigint;
  /** In milliseconds of `clock.now()`. */
  readonly at: number;
  /** Who had them come, where that is not who wrote them. */
  readonly by?: string;
}

/** What a pass tells of the keys that brought it. */
export interface Told {
  readonly came: Came;
  readonly changes: readonly string[];
  readonly reasons: readonly string[];
}

/**
 * Keeps what came since something last went out, and what the services were then, so that a pass can say which keys
 * brought it and what follows from them. After a pass that failed the next one names its keys again.
 */
export class Account {
  /** What is not drawn yet. */
  #fresh = new Gathered();
  /** What is drawn, and not out. */
  #drawn = new Gathered();
  /** Null before anything went out: then everything would be new. */
  #out: readonly Service[] | null = null;
  #services: readonly Service[] | null = null;

  /** Keys that are others now. */
  came(changes: readonly ChangedKey[], arrival: Arrival): void {
    this.#fresh.add(changes, arrival);
  }

  /** When the oldest of what is drawn and not out arrived, in milliseconds of `clock.now()`; null before anything went out. */
  get since(): number | null {
    return this.isFirst ? null : this.#drawn.since;
  }

  /** This is drawn now: what came so far is in it. */
  drew(tree: Drawable): void {
    this.#drawn.join(this.#fresh);
    this.#fresh = new Gathered();
    this.#services = tree.kind === 'tree' ? tree.catalog.services : this.#out;
  }

  /** What a pass has to say of what it drew; the `reasons` with the key that each comes from, where that is known. */
  tell(reasons: readonly string[]): Told {
    const { came, ofService } = this.#drawn;
    return {
      came,
      changes: this.#out && this.#services ? whatChanged(this.#out, this.#services) : [],
      reasons: reasons.map((reason) => withKey(reason, ofService)),
    };
  }

  /** The services that what is drawn is about, as far as they are remembered. */
  get drawnServices(): readonly string[] {
    return [...this.#drawn.ofService.keys()];
  }

  /** Whether nothing went out since the start. */
  get isFirst(): boolean {
    return this.#out === null;
  }

  /** What was drawn went out, or made no difference. */
  wentOut(): void {
    this.#out = this.#services;
    this.#drawn = new Gathered();
  }
}

function addUpTo(set: Set<string>, text: string): void {
  if (set.size < MOST_NAMED) {
    set.add(text);
  }
}

function authorOf({ meaning }: ReadEntry): string | null {
  const meta: Meta =
    meaning.kind === 'instance'
      ? meaning.instance.meta
      : meaning.kind === 'route'
        ? (meaning.route.meta ?? {})
        : {};
  const author = meta.owner ?? meta.host;
  return typeof author === 'string' && author !== '' ? shorten(author) : null;
}

/** A reason begins with its section (`backend be_web, line 12: …`): the key is that of the service which that names. */
function withKey(reason: string, ofService: ReadonlyMap<string, string>): string {
  const name = /^[a-z]+ (\S+?)(?:,| |:)/.exec(reason)?.[1] ?? '';
  for (let at = 0; at !== -1 && at < name.length; at = nextPart(name, at)) {
    const key = ofService.get(name.slice(at));
    if (key !== undefined) {
      return `${reason} (from ${key})`;
    }
  }
  return reason;
}

/** Where the name goes on after what a template may put before a service's name. */
function nextPart(name: string, at: number): number {
  const found = name.slice(at).search(/[_.-]/);
  return found === -1 ? -1 : at + found + 1;
}
