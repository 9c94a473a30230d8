import { BackOff } from '../ports/back-off.ts';
import { clock, rest } from '../ports/clock.ts';
import type { RefusedUnit } from '../tree/refused-units.ts';
import { sameValues } from '../tree/unit.ts';
import { CheckBudget } from './check-budget.ts';
import type { QuarantineNeeds } from './quarantine-needs.ts';
import type { QuarantineRecord } from './quarantine-record.ts';
import { type Settled, searchChanges } from './search.ts';

export interface QuarantineRetryOptions extends QuarantineNeeds {
  readonly record: QuarantineRecord;
  /** The first pause, in milliseconds; they double. */
  readonly first: number;
  /** True while another search is at work. */
  isBusy(): boolean;
}

/** The longest pause between two tries. */
const LONGEST = 300_000;

/**
 * Tries what is set aside again, behind the loop: soon after it changed, else with growing pauses. What is
 * accepted wakes the loop.
 */
export class QuarantineRetry {
  readonly #options: QuarantineRetryOptions;
  readonly #backOff: BackOff;
  #at = Number.POSITIVE_INFINITY;
  #wake: () => void = () => {};

  constructor(options: QuarantineRetryOptions) {
    this.#options = options;
    this.#backOff = new BackOff({ first: options.first, longest: LONGEST });
  }

  /** Tries until `signal` aborts. */
  async follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const left = this.#at - clock.now();
      if (left > 0 || this.#options.isBusy()) {
        await this.#pause(Math.min(1000, Math.max(50, left)), signal);
      } else {
        await this.#tryAll(signal);
      }
    }
  }

  /** Something is set aside: it is tried again after a pause. */
  later(): void {
    this.#plan(this.#backOff.failed());
  }

  /** Something that is set aside changed. */
  soon(ms: number): void {
    this.#backOff.succeeded();
    this.#plan(ms);
  }

  #plan(ms: number): void {
    this.#at = Math.min(this.#at, clock.now() + ms);
    this.#wake();
  }

  async #tryAll(signal: AbortSignal): Promise<void> {
    const { served, drawing } = this.#options;
    this.#at = Number.POSITIVE_INFINITY;
    if (served.refusedUnits.length === 0 && !drawing.templates.refused) {
      return;
    }
    if (served.lastGood.from !== 'this run') {
      this.#plan(1000);
      return;
    }
    const mended = (await this.#tryTemplate(signal)) || (await this.#tryUnits(signal));
    if (mended) {
      this.#backOff.succeeded();
    }
    if (served.refusedUnits.length > 0 || drawing.templates.refused) {
      this.later();
    }
  }

  async #tryTemplate(signal: AbortSignal): Promise<boolean> {
    const { served, drawing, judge, plan, mailbox } = this.#options;
    const { refused } = drawing.templates;
    if (!refused) {
      return false;
    }
    try {
      const text = await drawing.render(served.copyWith([]), refused);
      plan(text);
      if ((await judge.checkRendered(text, signal)).kind !== 'accepted') {
        return false;
      }
    } catch {
      signal.throwIfAborted();
      return false;
    }
    if (drawing.templates.readmit(refused)) {
      mailbox.post('the template is accepted now');
    }
    return true;
  }

  async #tryUnits(signal: AbortSignal): Promise<boolean> {
    const { served, drawing, judge, plan } = this.#options;
    const before = new Map(served.refusedUnits.map((one) => [one.unit.id, one]));
    const changes = [...before.values()].map(({ unit, served: good, believed: goal }) => ({
      unit,
      good,
      goal,
    }));
    if (changes.length === 0) {
      return false;
    }
    const budget = new CheckBudget({ patience: 0, spent: 0, signal });
    const known = { kind: 'base' } as const;
    const outcome = await searchChanges(changes, { served, drawing, judge, plan, budget, signal, known });
    return outcome.kind === 'settled' && this.#apply(outcome, before);
  }

  /** Serves what is accepted, unless it changed in the meantime. */
  #apply({ forms }: Settled, before: ReadonlyMap<string, RefusedUnit>): boolean {
    const { served, record, mailbox } = this.#options;
    const now = new Map(served.refusedUnits.map((one) => [one.unit.id, one]));
    let changed = false;
    for (const { unit, good, goal, kept, reason } of forms) {
      if (now.get(unit.id) !== before.get(unit.id)) {
        continue;
      }
      if (sameValues(kept, goal)) {
        served.release(unit);
        record.released([unit.id]);
        changed = true;
      } else {
        record.setAside(served.setAside(unit, { kept, judged: good, reason }));
        changed ||= !sameValues(kept, good);
      }
    }
    void record.save();
    if (changed) {
      mailbox.post('what was set aside is accepted now');
    }
    return changed;
  }

  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    const either = AbortSignal.any([signal, woken.signal]);
    await rest(ms, either);
  }
}
