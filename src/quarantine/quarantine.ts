import type { Emit } from '../events.ts';
import { BackOff } from '../ports/back-off.ts';
import { clock, rest } from '../ports/clock.ts';
import type { Origin } from '../ports/origin.ts';
import type { StateFile } from '../ports/stores.ts';
import { sameValues } from '../tree/unit.ts';
import { CheckBudget } from './check-budget.ts';
import { PortWatch } from './port-watch.ts';
import type { QuarantineNeeds } from './quarantine-needs.ts';
import { QuarantineRecord } from './quarantine-record.ts';
import { type Refusal, refusedBy, wordsOfRefusal } from './refusal.ts';
import { type SearchOutcome, type Settled, searchChanges } from './search.ts';
import { tryAgain } from './try-again.ts';

export interface QuarantineOptions extends QuarantineNeeds {
  /** The text of the file that lies there, or null. */
  readonly installed: () => string | null;
  readonly emit: Emit;
  /** Where what is set aside survives a restart, and of which sources and prefixes that is. */
  readonly file?: StateFile;
  readonly origin?: Origin;
  /** For how long the loop waits for a search, in milliseconds. @default 5000 */
  readonly patience?: number;
  /** The first pause between two tries of what is set aside, in milliseconds; they double. @default 5000 */
  readonly retry?: number;
  /** The command that judges, where it is not HAProxy's plain check. */
  readonly checkCommand?: string;
  /** Gets what is a bug, and where it was seen. */
  readonly onBug?: (where: string, error: unknown) => void;
}

/**
 * What came of a refusal: something is set aside or another template is in use, so that it is to be drawn again; all of it is
 * accepted by now (`fine`); or nothing new is published, since the check itself is at fault, nobody is known to be, or
 * nobody is known yet (`searching`).
 */
export type Resolution = 'acted' | 'fine' | 'check' | 'nobody' | 'searching';

/** What came of a search behind the loop. */
export interface Ended {
  /** Over what it was begun. */
  readonly refusal: Refusal;
  readonly resolution: Resolution;
}

/**
 * When a tree is refused, finds what of it is to blame and sets that aside, so that all else goes on. What is
 * set aside is tried again in the background, when it changes and with growing pauses: the loop never waits
 * for that. Rules: docs/quarantine.md.
 *
 *     refused --> what changed since the last good tree? --nothing--> the template or the check is at fault
 *                   |
 *                   v      within 5 s and 2·(culprits+1)+1+log2(changed) checks
 *                 search --------------------------------------> set aside --> draw again
 *                   |beyond                                          ^
 *                   +--> nothing is published; it goes on behind ----+
 */
export class Quarantine {
  readonly #options: QuarantineOptions;
  readonly #record: QuarantineRecord;
  readonly #backOff: BackOff;
  #retryAt = Number.POSITIVE_INFINITY;
  /** When it is looked next whether ports are free. */
  #portsAt = Number.NEGATIVE_INFINITY;
  readonly #ports: PortWatch;
  #woken = new AbortController();
  /** Ends a try that is under way. */
  #trying = new AbortController();
  /** The hash of the served tree at the last try, and how long that took. */
  #triedWith = '';
  #tryMs = 0;
  /** The one that was accepted last. */
  #template: unknown;
  #search: Promise<SearchOutcome> | undefined;
  #finishing: Promise<void> = Promise.resolve();
  #ended: Ended | null = null;
  #abort = new AbortController();
  #said = '';
  /** How often in a row something was done about a refusal without a good text after it. */
  #attempts = 0;

  constructor(options: QuarantineOptions) {
    this.#options = options;
    this.#record = new QuarantineRecord(options);
    this.#ports = new PortWatch(options.inTheWay);
    this.#backOff = new BackOff({ first: options.retry ?? 5000, longest: LONGEST_PAUSE });
  }

  /** Takes over what an earlier run had set aside; before the first tree. */
  async open(): Promise<void> {
    await this.#record.open();
    if (this.#options.served.refused.length > 0) {
      this.#retrySoon(1000);
    }
  }

  /** The served tree took a step: tells what it did to what is set aside. */
  look(): void {
    const { appeared, hasMoved } = this.#record.look();
    const bug = appeared.find(({ error }) => error !== undefined);
    if (bug) {
      this.#options.onBug?.('taking what the sources say', bug.error);
    }
    // What was released may be what others wait for, and so may any other key.
    if (hasMoved) {
      this.#retrySoon(SOON);
    } else if (this.isAside && this.#options.served.catalog.tree.hash !== this.#triedWith) {
      this.#retryIn(Math.max(SOON, this.#tryMs * TRY_SHARE));
    }
  }

  /** The text that was drawn last is good. */
  accepted(): void {
    if (this.#search) {
      this.#abort.abort();
    }
    this.#said = '';
    this.#attempts = 0;
    const { served, drawing } = this.#options;
    // An older text in the place of what is drawn says nothing of what is not in it.
    if (drawing.rollback !== null) {
      return;
    }
    served.accepted();
    drawing.accepted();
    if (drawing.templates.current !== this.#template) {
      this.#template = drawing.templates.current;
      if (this.isAside) {
        this.#trying.abort();
        this.#retrySoon(SOON);
      }
    }
  }

  /**
   * A text was refused, or could not be drawn: something is done about it, or it is said why not.
   */
  async resolve(refusal: Refusal, signal: AbortSignal): Promise<Resolution> {
    const { served, drawing } = this.#options;
    if (!drawing.templates.current) {
      return 'nobody';
    }
    if (this.#search) {
      return this.#searching();
    }
    if (++this.#attempts > ATTEMPTS) {
      return this.#stay('unknown', WORDS.unsettled(wordsOfRefusal(refusal)));
    }
    const changes = served.changedUnits;
    // What threw is tried in any case: it need not come from the keys or the template at all.
    if (changes.length === 0 && refusal.kind !== 'crashed') {
      if (refusedBy(refusal) === 'reload') {
        return this.#stay('unknown', WORDS.notNamed(wordsOfRefusal(refusal)));
      }
      return this.#blameNoKey(refusal, refusal, signal);
    }
    this.#abort = new AbortController();
    const stop = AbortSignal.any([signal, this.#abort.signal]);
    const patience = this.#options.patience ?? 5000;
    const budget = new CheckBudget({ patience, spent: refusal.kind === 'refused' ? 1 : 0, signal: stop });
    // A test would accept what only a reload fails over.
    const isOfReload = refusedBy(refusal) === 'reload';
    const isSure =
      refusal.kind !== 'crashed' &&
      served.lastGood.from === 'this run' &&
      !drawing.templates.isNew &&
      !served.lastGood.hasNewer;
    const known =
      isSure || isOfReload ? ({ kind: 'refused', refusal } as const) : ({ kind: 'nothing' } as const);
    const search = searchChanges(changes, { ...this.#options, budget, signal: stop, known });
    const early = await Promise.race([search, budget.exceeded]);
    if (early !== 'exceeded') {
      return this.#settle(early, refusal, signal);
    }
    this.#search = search;
    this.#finishing = this.#finishLater(search, refusal, signal);
    return this.#searching();
  }

  /** What came of the search that `resolve` did not wait for, once. */
  takeEnded(): Ended | null {
    const ended = this.#ended;
    this.#ended = null;
    return ended;
  }

  /** Resolves when no search goes on behind the loop any more. */
  idle(): Promise<void> {
    return this.#finishing;
  }

  /**
   * Tries what is set aside again, behind the loop and until `signal` aborts: soon after it changed, else with growing
   * pauses.
   */
  async follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const free = await this.#freePorts();
      const left = this.#retryAt - clock.now();
      if (this.#search || (left > 0 && free.size === 0)) {
        this.#woken = new AbortController();
        const longest = this.isAside ? LOOK_PAUSE : 1000;
        await rest(Math.min(longest, Math.max(50, left)), signal, this.#woken.signal);
      } else {
        await this.#tryAgain(free, signal);
      }
    }
  }

  /** The units whose ports are free now: to look costs little. */
  async #freePorts(): Promise<ReadonlySet<string>> {
    if (this.#search || clock.now() < this.#portsAt) {
      return new Set();
    }
    this.#portsAt = clock.now() + LOOK_PAUSE;
    return this.#ports.look(this.#options.served.refused);
  }

  async #tryAgain(free: ReadonlySet<string>, signal: AbortSignal): Promise<void> {
    const { served } = this.#options;
    const isDue = this.#retryAt <= clock.now();
    this.#retryAt = isDue ? Number.POSITIVE_INFINITY : this.#retryAt;
    if (this.isAside && served.lastGood.from !== 'this run') {
      this.#retryIn(1000);
      return;
    }
    const begun = clock.now();
    this.#triedWith = isDue ? served.catalog.tree.hash : this.#triedWith;
    this.#trying = new AbortController();
    const stop = AbortSignal.any([signal, this.#trying.signal]);
    try {
      if (await tryAgain(this.#options, { what: isDue ? 'all' : 'ports', free }, stop)) {
        this.#backOff.succeeded();
      }
    } catch (error) {
      // What it was begun with is another now: the next one begins at once.
      if (!this.#trying.signal.aborted) {
        throw error;
      }
    }
    this.#tryMs = clock.now() - begun;
    this.#record.look();
    if (this.isAside && isDue) {
      this.#retryLater();
    }
  }

  /** Something that is read besides the keys is another: what is set aside may be right now. */
  retryNow(): void {
    if (this.isAside) {
      this.#trying.abort();
      this.#retrySoon(0);
    }
  }

  /** Whether anything is set aside, or a template refused. */
  get isAside(): boolean {
    const { served, drawing } = this.#options;
    return served.refused.length > 0 || drawing.templates.refused !== undefined;
  }

  #retryLater(): void {
    this.#retryIn(this.#backOff.failed());
  }

  #retrySoon(ms: number): void {
    this.#backOff.succeeded();
    this.#retryIn(ms);
  }

  #retryIn(ms: number): void {
    this.#retryAt = Math.min(this.#retryAt, clock.now() + ms);
    this.#woken.abort();
  }

  /**
   * The last good keys are refused as well, with the words of `said`: the check is at fault, or the template. `refusal` is
   * of the real text: what is said of an empty one, or of the last good keys, is of no text of anybody's.
   */
  async #blameNoKey(refusal: Refusal, said: Refusal, signal: AbortSignal): Promise<Resolution> {
    const { judge, installed, served, drawing } = this.#options;
    const there = said.kind === 'refused' ? installed() : null;
    if (there !== null && (await judge.checkRendered(there, signal)).kind !== 'accepted') {
      return this.#stay('check', WORDS.checkAtFault(this.#wordsOf(said)));
    }
    if (refusal.kind === 'crashed' && !drawing.templates.isNew) {
      return this.#stay('unknown', WORDS.bugAtFault(wordsOfRefusal(refusal)));
    }
    const why = served.lastGood.from === 'nowhere' ? WORDS.nothingGood : WORDS.templateAtFault;
    const message = why(this.#wordsOf(refusal));
    if (!drawing.templates.refuse(message)) {
      return this.#stay('template', message);
    }
    this.#retryLater();
    return 'acted';
  }

  #wordsOf(refusal: Refusal): string {
    const { checkCommand } = this.#options;
    const judge =
      refusal.kind === 'refused' && checkCommand !== undefined ? ` (said by ${checkCommand})` : '';
    return `${wordsOfRefusal(refusal)}${judge}`;
  }

  async #settle(outcome: SearchOutcome, refusal: Refusal, signal: AbortSignal): Promise<Resolution> {
    switch (outcome.kind) {
      case 'broken':
        return this.#stay('check', outcome.message);
      case 'nobody named':
        return this.#stay('unknown', WORDS.notNamed(wordsOfRefusal(refusal)));
      case 'base refused':
        return this.#blameNoKey(refusal, outcome.refusal, signal);
      case 'settled': {
        const { taken, refused } = outcome;
        if (refused.length === 0 && refusal.kind === 'crashed') {
          return this.#stay('unknown', WORDS.notAgain(wordsOfRefusal(refusal)));
        }
        // With nothing that was ever good to compare with, what is wrong with most is wrong with the template.
        if (this.#options.served.lastGood.from === 'nowhere' && refused.length > taken) {
          const words = [...new Set(refused)].slice(0, 2).join('; ');
          return this.#stay('template', WORDS.nothingGood(words));
        }
        if (outcome.forms.every(({ goal, kept }) => sameValues(kept, goal))) {
          return 'fine';
        }
        await this.#apply(outcome);
        this.#retryLater();
        if (outcome.forms.some(({ by }) => by === 'reload')) {
          // The preflight may see it by now, and then it sees the end of it too.
          this.#retryIn(1000);
        }
        return 'acted';
      }
    }
  }

  /** What is set aside is on the disk before anything goes out without it: a crash does not forget it. */
  async #apply({ forms }: Settled): Promise<void> {
    const { served } = this.#options;
    const isFirst = served.refused.length === 0;
    for (const { unit, good: _, goal, kept, ...why } of forms) {
      if (!sameValues(kept, goal)) {
        served.setAside(unit, { kept, judged: goal, ...why });
      }
    }
    this.#record.look();
    // With others it may be right together.
    if (isFirst) {
      this.#triedWith = served.catalog.tree.hash;
    } else {
      this.#retryIn(SOON);
    }
    await this.#record.saved;
  }

  async #finishLater(search: Promise<SearchOutcome>, refusal: Refusal, signal: AbortSignal): Promise<void> {
    let resolution: Resolution = 'nobody';
    try {
      const outcome = await search;
      this.#search = undefined;
      resolution = await this.#settle(outcome, refusal, signal);
    } catch (error) {
      if (this.#abort.signal.aborted || signal.aborted) {
        return;
      }
      this.#options.onBug?.('the search for what is refused', error);
    } finally {
      this.#search = undefined;
    }
    this.#ended = { refusal, resolution };
    this.#options.mailbox.post('the search for what is refused ended');
  }

  #searching(): 'searching' {
    this.#stay('unknown', WORDS.searching);
    return 'searching';
  }

  /** Nothing new is published: says why, once. */
  #stay(fault: 'check' | 'template' | 'unknown', message: string): 'check' | 'nobody' {
    if (this.#said !== message) {
      this.#said = message;
      this.#options.emit({ kind: 'nobody-quarantined', fault, message });
    }
    this.#attempts = 0;
    return fault === 'check' ? 'check' : 'nobody';
  }
}

/** Milliseconds until what is set aside is tried again after something that it may have waited for. */
const SOON = 200;

/** Between two such tries so many times as long as the last one took. */
const TRY_SHARE = 9;

/** Milliseconds between two tries of what is set aside, at most. */
const LONGEST_PAUSE = 300_000;

/** Milliseconds between two looks whether a port is free that another process held. */
const LOOK_PAUSE = 500;

/** While the keys change all the time, what is found may be out of date before it helps. */
const ATTEMPTS = 5;

/** Why nobody is set aside, with the words of whoever refuses. */
const WORDS = {
  searching:
    'which of the changes is refused takes longer to find: no text is published until then, HAProxy goes on with what it has',
  unsettled: (words: string) => `what was set aside did not help, HAProxy goes on with what it has: ${words}`,
  checkAtFault: (words: string) =>
    `what HAProxy runs already is refused as well, so the check itself is at fault, or what it reads besides the configuration (certificates, maps, users): ${words}`,
  templateAtFault: (words: string) =>
    `the last good keys are refused as well, so the template or the settings are at fault: ${words}`,
  nothingGood: (words: string) =>
    `nothing was accepted yet, and it is not one key alone, so the template or the settings are at fault, or what it names and the check does not find (certificates, maps, users): ${words}`,
  notAgain: (words: string) =>
    `it is no key and not the template: rendered, planned and checked alone, the same text is fine: ${words}`,
  notNamed: (words: string) =>
    `HAProxy does not load it, and what it says is about no key, HAProxy goes on with what it has: ${words}`,
  bugAtFault: (words: string) =>
    `with the last good keys it is the same, HAProxy goes on with what it has: ${words}`,
};
