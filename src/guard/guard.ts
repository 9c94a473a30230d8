import type { GuardRule, LetGoReason } from '../events-guard.ts';
import type { ReadEntry } from '../model/read-entry.ts';
import type { RawChange } from '../model/tree-changes.ts';
import type { Hold } from '../ports/stores.ts';
import { type Counted, countedAs } from './counted.ts';
import { type Held, HeldKeys, lasts } from './held-keys.ts';
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

/** What disappeared within this part of the window belongs together. */
const TOGETHER = 0.1;
/** Routes and free keys: so many at least must go to be suspect. */
const FEWEST_KEYS = 2;

/**
 * The stage between what the sources say and what is believed: it decides what of a disappearance is believed, and keeps
 * what is not. Changes in, changes out; pure, and its time is passed in.
 *
 *     there --goes--> gone, believed --forgotten after `window`
 *                       |suspect: the net loss of its service, of all, of the routes or free keys, of the store
 *                       v
 *                     held --back, replaced, address claimed, after `hold`, released--> let go
 *
 * Rules: docs/guard.md.
 */
export class Guard {
  readonly #options: GuardOptions | 'off';
  #tallies = new Tallies();
  #held = new HeldKeys();
  #recent = new Recent(this.#tallies);
  /** What the last step has begun to hold. */
  #justHeld = new Map<string, Gone>();

  /** `off`: every change is believed at once. */
  constructor(options: GuardOptions | 'off') {
    this.#options = options;
  }

  /** The oldest first. */
  get held(): Iterable<Held> & { readonly size: number; has(key: string): boolean } {
    return this.#held;
  }

  /** When a hold ends by time alone; Infinity where it does not. */
  endOf({ rule, since }: Hold): number {
    return this.#options === 'off' || lasts(rule) ? Number.POSITIVE_INFINITY : since + this.#options.hold;
  }

  /** Takes what the sources say for what was there all the time, and goes on with what was held. */
  begin(raw: Iterable<ReadEntry>, holds: Iterable<Hold & { readonly entry: ReadEntry }> = []): void {
    this.#tallies = new Tallies();
    this.#held = new HeldKeys();
    this.#recent = new Recent(this.#tallies);
    this.#justHeld = new Map();
    for (const entry of raw) {
      const kind = countedAs(entry);
      if (kind) {
        this.#tallies.add(kind.group, { now: 1 });
      }
    }
    for (const { entry, rule, since } of holds) {
      const kind = countedAs(entry);
      if (kind) {
        this.#held.set({ entry, rule, since, kind });
        this.#tallies.add(kind.group, { held: 1 });
      }
    }
  }

  /** From now on what there is counts as having been there all the time. */
  settle(): void {
    this.#recent.forget(Number.POSITIVE_INFINITY);
  }

  /** A step of the sources. */
  apply({ changes, now, doubted, arrivals = 'new' }: GuardInput): GuardStep {
    const step = new Step();
    this.#justHeld = new Map();
    if (this.#options === 'off') {
      return { changes, held: [], letGo: [] };
    }
    this.#recent.forget(now - this.#options.window);
    const touched = new Set<string>();
    for (const change of changes) {
      if (change.kind === 'delete') {
        this.#leave(change.before, { now, doubted, step, touched });
      }
    }
    // Before anything arrives: what is back gives its place to nobody.
    for (const change of changes) {
      if (change.kind === 'put') {
        this.#back(change.entry.key, step);
      }
    }
    for (const change of changes) {
      if (change.kind === 'put') {
        this.#arrive(change, { now, step, arrivals });
      }
    }
    this.#judge(this.#options, { now, doubted, step, touched });
    return step.done();
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
      const gone = why === 'claimed' ? this.#justHeld.get(key) : undefined;
      this.#letGo(key, why, step);
      // It went, and was not to be held: its loss counts as every other.
      if (gone && step.letGo.delete(key)) {
        this.#recent.wentBefore(gone);
      }
    }
    return step.done();
  }

  #leave(entry: ReadEntry, at: Leaving): void {
    const { key } = entry;
    at.step.changes.set(key, { kind: 'delete', key, before: entry });
    const kind = countedAs(entry);
    if (!kind) {
      return;
    }
    at.touched.add(kind.group);
    const age = this.#recent.uncome(key) ? 'fresh' : 'old';
    this.#tallies.add(kind.group, { now: -1 });
    this.#recent.went({ entry, kind, at: at.now, age });
  }

  #back(key: string, step: Step): void {
    const held = this.#held.delete(key);
    if (held) {
      this.#tallies.add(held.kind.group, { held: -1 });
      step.letGo.set(key, 'back');
    }
  }

  #arrive({ entry, before }: Extract<RawChange, { kind: 'put' }>, at: Arriving): void {
    const { step, arrivals } = at;
    const { key } = entry;
    const kind = countedAs(entry);
    step.changes.set(key, { kind: 'put', entry });
    if (before) {
      this.#changed(before, kind);
      return;
    }
    const gone = this.#recent.ungone(key);
    if (kind && !gone && step.letGo.get(key) !== 'back' && arrivals === 'new') {
      this.#came(key, kind, at);
    }
    if (kind) {
      this.#tallies.add(kind.group, { now: 1 });
    }
  }

  #changed(known: ReadEntry, kind: Counted | null): void {
    const old = countedAs(known);
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
  #came(key: string, kind: Counted, { now, step }: Arriving): void {
    const replaced = this.#held.replacedBy(kind);
    if (replaced !== undefined) {
      this.#letGo(replaced, 'replaced', step);
      return;
    }
    this.#recent.came(key, kind, now);
  }

  #judge({ share, minimum, window }: GuardOptions, { now, doubted, step, touched }: Leaving): void {
    if (this.#recent.quiet && touched.size === 0) {
      return;
    }
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

  #hold(gone: Gone, at: { rule: GuardRule; now: number; step: Step }): void {
    const { entry, kind } = gone;
    const { key } = entry;
    this.#recent.ungone(key);
    this.#tallies.add(kind.group, { held: 1 });
    const held: Held = { entry, kind, rule: at.rule, since: at.now };
    this.#held.set(held);
    at.step.held.set(key, held);
    // Either it goes in this very step, and then it stays; or it went before, and then it comes back.
    at.step.changes.set(key, { kind: 'put', entry, held: true });
    this.#justHeld.set(key, gone);
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

  #letGo(key: string, why: LetGoReason, step: Step): void {
    const held = this.#held.delete(key);
    if (!held) {
      return;
    }
    this.#tallies.add(held.kind.group, { held: -1 });
    step.letGo.set(key, why);
    step.held.delete(key);
    step.changes.set(key, { kind: 'delete', key, before: held.entry });
  }
}
