import type { GuardRule, LetGoReason } from '../events-guard.ts';
import type { Change, Entry } from '../model/entry.ts';
import type { TreeView } from '../model/tree-view.ts';
import type { Hold } from '../ports/stores.ts';
import type { Classify, Guarded } from './classify.ts';
import { type Held, HeldKeys, lasts } from './held-keys.ts';
import { LiveAddresses } from './live-addresses.ts';
import { type Gone, Recent } from './recent.ts';
import { type Arriving, type GuardInput, type GuardStep, type Leaving, Step } from './step.ts';
import { before, lost, Tallies } from './tallies.ts';

/** `guard` of the settings; durations in milliseconds. */
export interface GuardOptions {
  readonly share: number;
  readonly minimum: number;
  readonly window: number;
  readonly hold: number;
}

/** The believed tree as the guard reads it: what the sources have and what is held. */
export interface BelievedView extends Pick<TreeView, 'get'>, Iterable<Entry> {
  /** The changes that make it equal to `entries`. */
  changesTo(entries: Iterable<Entry>): readonly Change[];
}

/** What disappeared within this part of the window belongs together. */
const TOGETHER = 0.1;
/** Routes and free keys: so many at least must go to be suspect. */
const FEWEST_KEYS = 2;

/**
 * Decides what of a disappearance is believed: a pure state machine, whose time is passed in. It stands between
 * the sources and the catalog, and keeps no copy of the tree: believed is what the sources have and what is held.
 *
 *     there --goes--> gone, believed --forgotten after `window`
 *                       |suspect: the net loss of its service, of all, of the routes or free keys, of the store
 *                       v
 *                     held --back, replaced, address claimed, after `hold`, released--> let go
 *
 * Rules: docs/guard.md.
 */
export class Guard {
  readonly #options: GuardOptions;
  readonly #classify: Classify;
  readonly #believed: BelievedView;
  #tallies = new Tallies();
  #held = new HeldKeys();
  #recent = new Recent(this.#tallies);
  #addresses: LiveAddresses | undefined;

  constructor(options: GuardOptions, classify: Classify, believed: BelievedView) {
    this.#options = options;
    this.#classify = classify;
    this.#believed = believed;
  }

  /** The oldest first. */
  get held(): Iterable<Hold> & { readonly size: number; has(key: string): boolean } {
    return this.#held;
  }

  /** When time alone ends the first hold; Infinity where it ends none. */
  get nextEnd(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const held of this.#held) {
      next = Math.min(next, this.endOf(held));
    }
    return next;
  }

  /** When a hold ends by time alone; Infinity where it does not. */
  endOf({ rule, since }: Hold): number {
    return lasts(rule) ? Number.POSITIVE_INFINITY : since + this.#options.hold;
  }

  /** Takes the believed tree as it is now for what was there all the time, with what of it was held. */
  begin(holds: Iterable<Hold>): void {
    const held = new Map([...holds].map((hold) => [hold.entry.key, hold]));
    this.#tallies = new Tallies();
    this.#held = new HeldKeys();
    this.#recent = new Recent(this.#tallies);
    this.#addresses = undefined;
    for (const entry of this.#believed) {
      const kind = this.#classify(entry);
      const hold = held.get(entry.key);
      if (!kind) {
        continue;
      }
      if (hold) {
        this.#held.set({ ...hold, kind });
      }
      this.#tallies.add(kind.group, hold ? { held: 1 } : { now: 1 });
    }
  }

  /** From now on what there is counts as having been there all the time. */
  settle(): void {
    this.#recent.forget(Number.POSITIVE_INFINITY);
  }

  /** A step of the sources. Changes that only say what is known of held keys are dropped. */
  take({ changes, now, doubted, arrivals = 'new' }: GuardInput): GuardStep {
    this.#recent.forget(now - this.#options.window);
    const step = new Step();
    const touched = new Set<string>();
    for (const change of changes) {
      if (change.kind === 'delete') {
        this.#leave(change.key, { now, doubted, step, touched });
      }
    }
    const puts = new Map<string, Entry>();
    for (const change of changes) {
      if (change.kind === 'put') {
        puts.set(change.entry.key, change.entry);
      }
    }
    // Before anything arrives: what is back gives its place and its address to nobody.
    for (const key of puts.keys()) {
      this.#back(key, step);
    }
    for (const entry of puts.values()) {
      this.#arrive(entry, { now, step, arrivals });
    }
    this.#judge({ now, doubted, step, touched });
    if (this.#held.size === 0) {
      this.#addresses = undefined;
    }
    return step.done();
  }

  /** The step to a whole tree of the sources. Held keys that are in it are back, changed or not. */
  stepTo(entries: Iterable<Entry>): readonly Change[] {
    const back: Change[] = [];
    const seen = this.#held;
    const watched = function* () {
      for (const entry of entries) {
        if (seen.has(entry.key)) {
          back.push({ kind: 'put', entry });
        }
        yield entry;
      }
    };
    const changes = this.#believed.changesTo(watched());
    return [...changes, ...back];
  }

  /** Lets go what was held for long enough. */
  turn(now: number): GuardStep {
    const over = [...this.#held].filter((held) => this.endOf(held) <= now);
    return this.letGo(
      over.map(({ entry }) => entry.key),
      'believed',
    );
  }

  /** Lets go of held keys; others are passed over. */
  letGo(keys: Iterable<string>, why: LetGoReason): GuardStep {
    const step = new Step();
    for (const key of keys) {
      this.#letGo(key, why, step);
    }
    return step.done();
  }

  #leave(key: string, at: Leaving): void {
    const entry = this.#held.has(key) ? undefined : this.#believed.get(key);
    if (!entry) {
      return;
    }
    at.step.changes.set(key, { kind: 'delete', key });
    const kind = this.#classify(entry);
    if (!kind) {
      return;
    }
    at.touched.add(kind.group);
    this.#addresses?.went(entry);
    const age = this.#recent.uncome(key) ? 'fresh' : 'old';
    this.#tallies.add(kind.group, { now: -1 });
    this.#recent.went({ entry, kind, at: at.now, age });
  }

  #arrive(entry: Entry, at: Arriving): void {
    const { step, arrivals } = at;
    const { key } = entry;
    const known = this.#believed.get(key);
    const kind = this.#classify(entry);
    step.changes.set(key, { kind: 'put', entry });
    const back = step.letGo.get(key) === 'back';
    const gone = this.#recent.ungone(key);
    if (known && !back && !gone) {
      this.#changed(known, kind);
    }
    if (kind && !known && !gone && arrivals === 'new') {
      this.#came(key, kind, at);
    }
    if (kind && (back || gone || !known)) {
      this.#tallies.add(kind.group, { now: 1 });
    }
    for (const other of this.#held.at(kind?.address ?? null)) {
      this.#letGo(other, 'claimed', step);
    }
    this.#addresses?.came(entry);
  }

  #back(key: string, step: Step): void {
    const held = this.#held.delete(key);
    if (!held) {
      return;
    }
    this.#tallies.add(held.kind.group, { held: -1 });
    step.letGo.set(key, 'back');
  }

  #changed(known: Entry, kind: Guarded | null): void {
    const old = this.#classify(known);
    this.#addresses?.went(known);
    if (old?.group === kind?.group) {
      return;
    }
    if (old) {
      this.#tallies.add(old.group, { now: -1 });
    }
    if (kind) {
      this.#tallies.add(kind.group, { now: 1 });
    }
    this.#recent.uncome(known.key);
  }

  /** A new key: it takes the place of a held one of its service, or else it is one more. */
  #came(key: string, kind: Guarded, { now, step }: Arriving): void {
    const replaced = this.#held.replacedBy(kind);
    if (replaced !== undefined) {
      this.#letGo(replaced, 'replaced', step);
      return;
    }
    this.#recent.came(key, kind, now);
  }

  #judge({ now, doubted, step, touched }: Leaving): void {
    if (this.#recent.quiet && touched.size === 0) {
      return;
    }
    const { share, minimum, window } = this.#options;
    const { all } = this.#tallies;
    const heavy = (loss: number, of: number, least: number) => loss >= least && loss > share * of;
    const hold = (rule: GuardRule, suspect: (gone: Gone) => boolean) => {
      for (const gone of this.#recent.gone) {
        if (suspect(gone)) {
          this.#hold(gone, { rule, now, step });
        }
      }
    };
    const isInstance = ({ kind }: Gone) => kind.service !== null;
    // What came within the window is no loss, but where nothing at all is left.
    const old = ({ age }: Gone) => age === 'old';
    if (doubted && doubted.size > 0) {
      hold('store', ({ entry }) => doubted.has(entry.source));
    }
    if (touched.size === 0) {
      return;
    }
    if (all.now === 0) {
      hold('everything', isInstance);
      this.#upgrade(step);
    }
    // Where a single service makes up the whole loss, its own rule says what is held.
    const single = [...touched].some(
      (group) => group.startsWith('service ') && lost(this.#tallies.of(group)) === all.lost,
    );
    if (heavy(all.lost, all.before, minimum) && !single) {
      hold('total', (gone) => isInstance(gone) && old(gone));
    }
    for (const group of touched) {
      const tally = this.#tallies.of(group);
      const loss = lost(tally);
      const of = before(tally);
      const inGroup = ({ kind }: Gone) => kind.group === group;
      if (group === 'routes' || group === 'keys') {
        if (heavy(loss, of, FEWEST_KEYS)) {
          hold(group, (gone) => inGroup(gone) && old(gone));
        }
      } else if (tally.now === 0) {
        hold('emptied', inGroup);
      } else if (heavy(loss, of, minimum)) {
        const since = now - window * TOGETHER;
        hold('service', (gone) => inGroup(gone) && old(gone) && gone.at >= since);
      }
    }
  }

  #hold({ entry, kind }: Gone, at: { rule: GuardRule; now: number; step: Step }): void {
    const { key } = entry;
    this.#addresses ??= new LiveAddresses(this.#classify, this.#live(at.step));
    // Nothing held keeps an address that a live key claims.
    if (this.#addresses.has(kind.address)) {
      return;
    }
    this.#recent.ungone(key);
    this.#tallies.add(kind.group, { held: 1 });
    const held: Held = { entry, kind, rule: at.rule, since: at.now };
    this.#held.set(held);
    at.step.held.set(key, held);
    // Either it goes in this very step, and then it stays; or it went before, and then it comes back.
    if (this.#believed.get(key)) {
      at.step.changes.delete(key);
    } else {
      at.step.changes.set(key, { kind: 'put', entry });
    }
  }

  /** With the loss of everything, time alone ends no hold any more. */
  #upgrade(step: Step): void {
    for (const held of [...this.#held]) {
      if (held.kind.service === null || lasts(held.rule)) {
        continue;
      }
      const lasting: Held = { ...held, rule: 'everything' };
      this.#held.set(lasting);
      step.held.set(held.entry.key, lasting);
    }
  }

  /** What the sources have now: the believed tree with this step, without what is held or gone. */
  *#live(step: Step): Iterable<Entry> {
    for (const entry of this.#believed) {
      if (!this.#held.has(entry.key) && !step.changes.has(entry.key)) {
        yield entry;
      }
    }
    for (const change of step.changes.values()) {
      if (change.kind === 'put') {
        yield change.entry;
      }
    }
  }

  #letGo(key: string, why: LetGoReason, step: Step): void {
    const held = this.#held.delete(key);
    if (!held) {
      return;
    }
    this.#tallies.add(held.kind.group, { held: -1 });
    step.letGo.set(key, why);
    step.held.delete(key);
    step.changes.set(key, { kind: 'delete', key });
  }
}
