import type { GuardRule, LetGoReason } from '../events-guard.ts';
import type { ReadEntry } from '../model/read-entry.ts';
import type { BelievedChange, RawChange } from '../model/tree-changes.ts';
import type { Hold } from '../ports/stores.ts';
import { type Counted, countedAs, type Group } from './counted.ts';
import { type GuardOptions, type Held, type Recent, type ServiceSums, suspects } from './guard.ts';

/** A step of the sources. */
export interface GuardInput {
  readonly changes: readonly RawChange[];
  /** Milliseconds since 1970; never goes back. */
  readonly now: number;
  /** The sources (by their place) whose store went back in revision or is empty. */
  readonly doubted?: ReadonlySet<number>;
  /** What is not in the believed tree: `new`, or `known` where there was nothing to compare with. @default new */
  readonly arrivals?: 'new' | 'known';
}

/** What a step means for the believed tree. */
export interface GuardStep {
  /** To be applied to the believed tree, all together. */
  readonly changes: readonly BelievedChange[];
  /** Held from now on, or for another reason than before. */
  readonly held: readonly Held[];
  readonly letGo: readonly { readonly key: string; readonly why: LetGoReason }[];
}

/** A step in the making, by key. */
interface Step {
  readonly changes: Map<string, BelievedChange>;
  readonly held: Map<string, Held>;
  readonly letGo: Map<string, LetGoReason>;
}

interface Arriving extends Required<Pick<GuardInput, 'now' | 'arrivals'>> {
  /** What is held, by group; the oldest first. */
  readonly places: Map<Group, Held[]>;
  /** What went within the window and has been made up for by nobody, by group; the oldest first. */
  readonly gaps: () => Map<Group, Recent[]>;
  readonly step: Step;
}

type Put = Extract<RawChange, { kind: 'put' }>;

/**
 * The second of the trees: what the sources say, and what the guard holds of that which went. It keeps the held ones alone.
 * Pure, and its time is passed in.
 *
 *     there --goes--> gone, believed --forgotten after `window`
 *                       |suspect: the net loss of its service, of all, of the routes or free keys, of the store
 *                       v
 *                     held --back, replaced, address claimed, after `hold`, released--> let go
 *
 * Rules: docs/guard.md.
 */
export class BelievedTree implements Iterable<ReadEntry> {
  readonly #raw: Iterable<ReadEntry> & { readonly hash: string };
  #options: GuardOptions | 'off';
  /** How many keys the sources have, by group, and how many instances by address. */
  readonly #there = new Map<Group, number>();
  readonly #addresses = new Map<string, number>();
  /** What came and went within the window, by key; the oldest first. */
  readonly #recent = new Map<string, Recent>();
  /** By key; the oldest first. */
  readonly #held = new Map<string, Held>();
  /** What follows from both: how many fewer keys there are than a window ago. */
  readonly #losses = new Map<Group, number>();
  #services: ServiceSums = NO_SERVICE;

  /** `raw`: what the sources say, always with every change that is given here. `off`: all that is believed at once. */
  constructor(raw: Iterable<ReadEntry> & { readonly hash: string }, options: GuardOptions | 'off') {
    this.#raw = raw;
    this.#options = options;
  }

  /** By key; the oldest first. */
  get held(): ReadonlyMap<string, Held> {
    return this.#held;
  }

  /** 16 hex digits over all of it. */
  get hash(): string {
    let sum = BigInt(`0x${this.#raw.hash}`);
    for (const { entry } of this.#held.values()) {
      sum += entry.meaning.weight;
    }
    return BigInt.asUintN(64, sum).toString(16).padStart(16, '0');
  }

  /** Everything. */
  *[Symbol.iterator](): Iterator<ReadEntry> {
    yield* this.#raw;
    for (const { entry } of this.#held.values()) {
      yield entry;
    }
  }

  /** Takes what the sources say for what was there all the time, and goes on with what was held. */
  begin(holds: readonly (Hold & { readonly entry: ReadEntry })[] = []): void {
    for (const counts of [this.#there, this.#addresses, this.#losses, this.#recent, this.#held]) {
      counts.clear();
    }
    this.#services = NO_SERVICE;
    for (const entry of this.#raw) {
      this.#count(countedAs(entry), 1);
    }
    for (const hold of holds) {
      const kind = countedAs(hold.entry);
      if (kind) {
        this.#replace(this.#held, hold.entry.key, this.#heldBy(hold, kind));
      }
    }
  }

  /** From now on what there is counts as having been there all the time. */
  settle(): void {
    this.#forget(Number.POSITIVE_INFINITY);
  }

  /** Goes by these rules from now on; what is held ends by them too. */
  follow(options: GuardOptions): GuardStep {
    this.#options = options;
    const step = begun();
    for (const [key, held] of this.#held) {
      const next = this.#heldBy(held, held.kind);
      if (next.until !== held.until) {
        this.#held.set(key, next);
        step.held.set(key, next);
      }
    }
    return done(step);
  }

  /** A step of the sources. */
  apply({ changes, now, doubted = new Set(), arrivals = 'new' }: GuardInput): GuardStep {
    const options = this.#options;
    if (options === 'off') {
      return { changes, held: [], letGo: [] };
    }
    const step = begun();
    this.#forget(now - options.window);
    const [leaving, losers] = [new Set<string>(), new Set<Group>()];
    for (const change of changes) {
      if (change.kind === 'delete') {
        const kind = this.#leave(change.before, now, step);
        leaving.add(change.key);
        if (kind) {
          losers.add(kind.group);
        }
      }
    }
    const puts = changes.filter((change) => change.kind === 'put');
    if (puts.length > 0) {
      this.#arrive(puts, { now, arrivals, step });
    }
    const [there, losses, services, recent] = [this.#there, this.#losses, this.#services, this.#recent];
    const suspect = suspects({ there, losses, services, recent, leaving, losers, doubted, now }, options);
    this.#hold(suspect, now, step);
    if (losers.size > 0 && services.there === 0) {
      this.#makeLasting(step);
    }
    if (puts.length > 0) {
      this.#letGoClaimed(step);
    }
    return done(step);
  }

  /** Lets go what was held for long enough. */
  turn(now: number): GuardStep {
    const over = [...this.#held].filter(([, { until }]) => until !== null && until <= now);
    return this.letGo(
      over.map(([key]) => key),
      'believed',
    );
  }

  /** Lets go of held keys; others are passed over. */
  letGo(keys: Iterable<string>, why: LetGoReason): GuardStep {
    const step = begun();
    for (const key of keys) {
      this.#letGo(key, why, step);
    }
    return done(step);
  }

  #forget(end: number): void {
    for (const [key, { at }] of this.#recent) {
      if (at > end) {
        return;
      }
      this.#replace(this.#recent, key);
    }
  }

  #leave(entry: ReadEntry, at: number, { changes }: Step): Counted | null {
    const { key } = entry;
    changes.set(key, { kind: 'delete', key, before: entry });
    const kind = countedAs(entry);
    this.#count(kind, -1);
    if (kind) {
      const what = this.#recent.has(key) ? 'came and went' : 'went';
      const isMadeUpFor = what === 'went' && (this.#losses.get(kind.group) ?? 0) < 0;
      this.#replace(this.#recent, key, { entry, kind, at, what, isMadeUpFor });
    }
    return kind;
  }

  #arrive(puts: readonly Put[], how: Omit<Arriving, 'places' | 'gaps'>): void {
    // Before anything arrives: what is back gives its place to nobody.
    for (const { entry } of puts) {
      if (this.#replace(this.#held, entry.key)) {
        how.step.letGo.set(entry.key, 'back');
      }
    }
    const places = Map.groupBy(this.#held.values(), ({ kind }) => kind.group);
    let known: Map<Group, Recent[]> | undefined;
    const gaps = () => {
      known ??= Map.groupBy(this.#gaps(), ({ kind }) => kind.group);
      return known;
    };
    for (const put of puts) {
      this.#put(put, { ...how, places, gaps });
    }
  }

  *#gaps(): Iterable<Recent> {
    for (const one of this.#recent.values()) {
      if (one.what === 'went' && !one.isMadeUpFor) {
        yield one;
      }
    }
  }

  #put({ entry, before }: Put, { now, arrivals, places, gaps, step }: Arriving): void {
    const { key } = entry;
    const kind = countedAs(entry);
    step.changes.set(key, { kind: 'put', entry });
    this.#count(kind, 1);
    if (before) {
      const old = countedAs(before);
      this.#count(old, -1);
      if (old?.group !== kind?.group) {
        this.#replace(this.#recent, key);
      }
      return;
    }
    const last = this.#replace(this.#recent, key);
    const isNew = last?.what !== 'went' && !step.letGo.has(key) && arrivals === 'new';
    if (!kind || !isNew) {
      return;
    }
    // It takes the place of a held one of its service, or else it is one more.
    const replaced = takePlace(kind, places.get(kind.group));
    if (replaced) {
      this.#letGo(replaced.entry.key, 'replaced', step);
    } else {
      const gap = (this.#losses.get(kind.group) ?? 0) > 0 ? gaps().get(kind.group)?.shift() : undefined;
      if (gap) {
        this.#recent.set(gap.entry.key, { ...gap, isMadeUpFor: true });
      }
      this.#replace(this.#recent, key, { entry, kind, at: now, what: 'came', isMadeUpFor: false });
    }
  }

  #hold(suspect: ReadonlyMap<Recent, GuardRule>, since: number, step: Step): void {
    for (const [{ entry, kind }, rule] of suspect) {
      const { key } = entry;
      if (this.#isClaimed(kind)) {
        continue;
      }
      const held = this.#heldBy({ entry, rule, since }, kind);
      this.#replace(this.#recent, key);
      this.#replace(this.#held, key, held);
      step.held.set(key, held);
      // Either it goes in this very step, and then it stays; or it went before, and then it comes back.
      step.changes.set(key, { kind: 'put', entry, held: true });
    }
  }

  /** With the loss of everything, time alone ends no hold any more. */
  #makeLasting(step: Step): void {
    for (const [key, held] of this.#held) {
      if (held.kind.service !== null && !LASTING.has(held.rule)) {
        const lasting = this.#heldBy({ ...held, rule: 'everything' }, held.kind);
        this.#held.set(key, lasting);
        step.held.set(key, lasting);
      }
    }
  }

  /** Nothing held keeps the address of something that lives. */
  #letGoClaimed(step: Step): void {
    for (const [key, { kind }] of this.#held) {
      if (this.#isClaimed(kind)) {
        this.#letGo(key, 'claimed', step);
      }
    }
  }

  #isClaimed({ address }: Counted): boolean {
    return address !== null && this.#addresses.has(address);
  }

  #letGo(key: string, why: LetGoReason, step: Step): void {
    const held = this.#replace(this.#held, key);
    if (held) {
      step.letGo.set(key, why);
      step.held.delete(key);
      step.changes.set(key, { kind: 'delete', key, before: held.entry });
    }
  }

  #heldBy({ entry, rule, since }: Hold & { readonly entry: ReadEntry }, kind: Counted): Held {
    const options = this.#options;
    const lasts = options === 'off' || LASTING.has(rule);
    return { entry, kind, rule, since, until: lasts ? null : since + options.hold };
  }

  /** Puts it in the place of what was there, but at the end, and gives that: whoever changes one of these maps does it here. */
  #replace<T extends Recent | Held>(map: Map<string, T>, key: string, next?: T): T | undefined {
    const last = map.get(key);
    map.delete(key);
    if (last) {
      this.#lose(last.kind, -lossBy(last));
    }
    if (next) {
      map.set(key, next);
      this.#lose(next.kind, lossBy(next));
    }
    return last;
  }

  /** Counts one more or one fewer that the sources have. */
  #count(kind: Counted | null, change: 1 | -1): void {
    if (!kind) {
      return;
    }
    add(this.#there, kind.group, change);
    if (kind.address !== null) {
      add(this.#addresses, kind.address, change);
      this.#services = { ...this.#services, there: this.#services.there + change };
    }
  }

  #lose({ group, service }: Counted, change: number): void {
    const before = this.#losses.get(group) ?? 0;
    add(this.#losses, group, change);
    if (service !== null) {
      const { there, net, lost } = this.#services;
      const more = Math.max(0, before + change) - Math.max(0, before);
      this.#services = { there, net: net + change, lost: lost + more };
    }
  }
}

const NO_SERVICE: ServiceSums = { there: 0, net: 0, lost: 0 };

/** Time alone does not end these. */
const LASTING: ReadonlySet<GuardRule> = new Set(['store', 'everything']);

function begun(): Step {
  return { changes: new Map(), held: new Map(), letGo: new Map() };
}

function done({ changes, held, letGo }: Step): GuardStep {
  return {
    changes: [...changes.values()],
    held: [...held.values()],
    letGo: [...letGo].map(([key, why]) => ({ key, why })),
  };
}

/** Takes the one whose place a newcomer takes: one of the same host, else the one held longest. */
function takePlace({ service, host }: Counted, held: Held[] | undefined): Held | undefined {
  if (!held || service === null) {
    return undefined;
  }
  const sameHost = held.findIndex(({ kind }) => kind.host === host);
  return held.splice(Math.max(0, sameHost), 1)[0];
}

/** What it adds to the loss of its group. */
function lossBy(one: Recent | Held): number {
  if (!('what' in one)) {
    return 1;
  }
  return one.what === 'came and went' ? 0 : one.what === 'went' ? 1 : -1;
}

function add<K>(counts: Map<K, number>, key: K, change: number): void {
  const count = (counts.get(key) ?? 0) + change;
  if (count === 0) {
    counts.delete(key);
  } else {
    counts.set(key, count);
  }
}
