import type { Emit } from '../events.ts';
import type { StateFile } from '../ports/stores.ts';
import type { Served } from '../tree/served-tree.ts';
import { sameValues } from '../tree/unit.ts';
import { CheckBudget } from './check-budget.ts';
import type { QuarantineNeeds } from './quarantine-needs.ts';
import { QuarantineRecord } from './quarantine-record.ts';
import { type Refusal, wordsOfRefusal } from './refusal.ts';
import { QuarantineRetry } from './retry.ts';
import { type SearchOutcome, type Settled, searchChanges } from './search.ts';

export interface QuarantineOptions extends Omit<QuarantineNeeds, 'plan'> {
  /** @default nothing is planned */
  readonly plan?: QuarantineNeeds['plan'];
  /** The text of the file that lies there, or null. */
  readonly installed: () => string | null;
  readonly emit: Emit;
  /** Where what is set aside survives a restart. */
  readonly file?: StateFile;
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
 * When a tree is refused, finds what of it is to blame and sets that aside, so that all else goes on. What is
 * set aside is tried again in the background, when it changes and with growing pauses: the loop never waits
 * for that. Rules: docs/quarantine.md.
 *
 *     refused --> what changed since the last good tree? --nothing--> the template or the check is at fault
 *                   |
 *                   v      within 5 s and 2·(culprits+1)+log2(changed) checks
 *                 search --------------------------------------> set aside --> draw again
 *                   |beyond                                          ^
 *                   +--> nothing new goes out; it goes on behind ----+
 */
export class Quarantine {
  readonly #options: QuarantineOptions;
  readonly #record: QuarantineRecord;
  readonly #retry: QuarantineRetry;
  readonly #plan: (text: string) => void;
  #search: Promise<SearchOutcome> | undefined;
  #finishing: Promise<void> = Promise.resolve();
  #abort = new AbortController();
  #said = '';
  /** How often in a row something was done about a refusal without a good text after it. */
  #attempts = 0;

  constructor(options: QuarantineOptions) {
    this.#options = options;
    this.#record = new QuarantineRecord(options);
    const { retry: first = 5000 } = options;
    const isBusy = () => this.#search !== undefined;
    this.#plan = options.plan ?? (() => {});
    this.#retry = new QuarantineRetry({ ...options, plan: this.#plan, record: this.#record, first, isBusy });
  }

  /** Takes over what an earlier run had set aside; before the first tree. */
  async open(): Promise<void> {
    await this.#record.open();
    if (this.#options.served.refusedUnits.length > 0) {
      this.#retry.soon(1000);
    }
  }

  /** A step of the served tree: what it did to what is set aside. */
  served({ threw, released, touched }: Pick<Served, 'threw' | 'released' | 'touched'>): void {
    this.#record.setKeysAside(threw.map(({ of }) => of));
    for (const { error } of threw.slice(0, 1)) {
      this.#options.onBug?.('taking what the sources say', error);
    }
    this.#record.released(released);
    // What was released may be what others wait for.
    if (touched.length + released.length > 0) {
      this.#retry.soon(200);
    }
  }

  /** The text that was drawn last is good. */
  accepted(): void {
    if (this.#search) {
      this.#abort.abort();
    }
    this.#said = '';
    this.#attempts = 0;
    this.#options.served.accepted();
    this.#options.drawing.accepted();
  }

  /**
   * A text was refused, or could not be drawn. True where something was done about it (something is set aside, or another
   * template is in use), so that it is to be drawn again.
   */
  async resolve(refusal: Refusal, signal: AbortSignal): Promise<boolean> {
    const { served, drawing } = this.#options;
    if (!drawing.templates.current) {
      return false;
    }
    if (this.#search) {
      return this.#stay('unknown', SEARCHING);
    }
    if (++this.#attempts > ATTEMPTS) {
      return this.#stay('unknown', unsettled(wordsOfRefusal(refusal)));
    }
    const changes = served.changedUnits;
    // What threw is tried in any case: it need not come from the keys or the template at all.
    if (changes.length === 0 && refusal.kind !== 'crashed') {
      return this.#nothingChanged(refusal, signal);
    }
    this.#abort = new AbortController();
    const stop = AbortSignal.any([signal, this.#abort.signal]);
    const patience = this.#options.patience ?? 5000;
    const budget = new CheckBudget({ patience, spent: refusal.kind === 'refused' ? 1 : 0, signal: stop });
    const isSure =
      refusal.kind !== 'crashed' &&
      served.lastGood.from === 'this run' &&
      !drawing.templates.isNew &&
      !served.lastGood.hasNewer;
    const known = isSure ? ({ kind: 'refused', refusal } as const) : ({ kind: 'nothing' } as const);
    const [{ judge }, plan] = [this.#options, this.#plan];
    const search = searchChanges(changes, { served, drawing, judge, plan, budget, signal: stop, known });
    const early = await Promise.race([search, budget.exceeded]);
    if (early !== 'exceeded') {
      return this.#settle(early, refusal, signal);
    }
    this.#search = search;
    this.#finishing = this.#finishLater(search, refusal, signal);
    return this.#stay('unknown', SEARCHING);
  }

  /** Resolves when no search goes on behind the loop any more. */
  idle(): Promise<void> {
    return this.#finishing;
  }

  /** Tries what is set aside again, until `signal` aborts. */
  follow(signal: AbortSignal): Promise<void> {
    return this.#retry.follow(signal);
  }

  /** The tree is that of the last good text: the template is at fault, or the check. */
  async #nothingChanged(refusal: Refusal, signal: AbortSignal): Promise<boolean> {
    if (refusal.kind === 'refused' && (await this.#isCheckBroken(signal))) {
      return this.#stay('check', checkAtFault(this.#wordsOf(refusal)));
    }
    return this.#refuseTemplate(refusal);
  }

  /** `refusal` is of the real text: what is said of an empty one, or of the last good keys, is of no text of anybody's. */
  #refuseTemplate(refusal: Refusal): boolean {
    const { lastGood } = this.#options.served;
    const { templates } = this.#options.drawing;
    if (refusal.kind === 'crashed' && !templates.isNew) {
      return this.#stay('unknown', bugAtFault(wordsOfRefusal(refusal)));
    }
    const message =
      lastGood.from === 'nowhere'
        ? nothingGood(this.#wordsOf(refusal))
        : templateAtFault(this.#wordsOf(refusal));
    if (!templates.refuse(message)) {
      return this.#stay('template', message);
    }
    this.#retry.later();
    return true;
  }

  #wordsOf(refusal: Refusal): string {
    const { checkCommand } = this.#options;
    const judge =
      refusal.kind === 'refused' && checkCommand !== undefined ? ` (said by ${checkCommand})` : '';
    return `${wordsOfRefusal(refusal)}${judge}`;
  }

  async #isCheckBroken(signal: AbortSignal): Promise<boolean> {
    const { judge, installed } = this.#options;
    const text = installed();
    return text !== null && (await judge.checkRendered(text, signal)).kind !== 'accepted';
  }

  async #settle(outcome: SearchOutcome, refusal: Refusal, signal: AbortSignal): Promise<boolean> {
    switch (outcome.kind) {
      case 'broken':
        return this.#stay('check', outcome.message);
      case 'base refused': {
        if (outcome.refusal.kind === 'refused' && (await this.#isCheckBroken(signal))) {
          return this.#stay('check', checkAtFault(this.#wordsOf(outcome.refusal)));
        }
        return this.#refuseTemplate(refusal);
      }
      case 'settled': {
        const { taken, refused } = outcome;
        if (refused.length === 0 && refusal.kind === 'crashed') {
          return this.#stay('unknown', notAgain(wordsOfRefusal(refusal)));
        }
        // With nothing that was ever good to compare with, what is wrong with most is wrong with the template.
        if (this.#options.served.lastGood.from === 'nowhere' && refused.length > taken) {
          const words = [...new Set(refused)].slice(0, 2).join('; ');
          return this.#stay('template', nothingGood(words));
        }
        await this.#apply(outcome);
        this.#retry.later();
        return true;
      }
    }
  }

  /** What is set aside is on the disk before anything goes out without it: a crash does not forget it. */
  async #apply({ forms }: Settled): Promise<void> {
    for (const { unit, goal, kept, reason } of forms) {
      if (!sameValues(kept, goal)) {
        this.#record.setAside(this.#options.served.setAside(unit, { kept, judged: goal, reason }));
      }
    }
    await this.#record.save();
  }

  async #finishLater(search: Promise<SearchOutcome>, refusal: Refusal, signal: AbortSignal): Promise<void> {
    try {
      const outcome = await search;
      this.#search = undefined;
      if (await this.#settle(outcome, refusal, signal)) {
        this.#options.mailbox.post('the search for what is refused ended');
      }
    } catch (error) {
      if (this.#abort.signal.aborted || signal.aborted) {
        return;
      }
      this.#options.onBug?.('the search for what is refused', error);
    } finally {
      this.#search = undefined;
    }
  }

  /** Nothing new is published: says why, once. */
  #stay(fault: 'check' | 'template' | 'unknown', message: string): false {
    if (this.#said !== message) {
      this.#said = message;
      this.#options.emit({ kind: 'nobody-quarantined', fault, message });
    }
    this.#attempts = 0;
    return false;
  }
}

/** While the keys change all the time, what is found may be out of date before it helps. */
const ATTEMPTS = 5;

const SEARCHING =
  'which of the changes is refused takes longer to find: nothing new goes out until then, HAProxy goes on with what it has';

function unsettled(words: string): string {
  return `what was set aside did not help, HAProxy goes on with what it has: ${words}`;
}

function checkAtFault(words: string): string {
  return `what HAProxy runs already is refused as well, so the check itself is at fault, or what it reads besides the configuration (certificates, maps, users): ${words}`;
}

function templateAtFault(words: string): string {
  return `the last good keys are refused as well, so the template or the settings are at fault: ${words}`;
}

function nothingGood(words: string): string {
  return `nothing was accepted yet, and it is not one key alone, so the template or the settings are at fault, or what it names and the check does not find (certificates, maps, users): ${words}`;
}

function notAgain(words: string): string {
  return `it is no key and not the template: rendered, planned and checked alone, the same text is fine: ${words}`;
}

function bugAtFault(words: string): string {
  return `with the last good keys it is the same, HAProxy goes on with what it has: ${words}`;
}
