import { BackOff } from '../ports/back-off.ts';
import { clock, rest } from '../ports/clock.ts';
import type { Mailbox } from '../reconcile/mailbox.ts';
import type { Drawing } from '../rollout/drawing.ts';
import type { ServedTree } from '../tree/served-tree.ts';
import { CheckBudget } from './check-budget.ts';
import type { QuarantineKeeper } from './keeper.ts';
import { type Settled, searchChanges } from './search.ts';
import type { Shelved } from './shelf.ts';
import { sameValues } from './unit.ts';
import { entriesWith } from './unit-parts.ts';
import type { VouchingJudge } from './vouching-judge.ts';

export interface QuarantineRetryOptions {
  readonly served: ServedTree;
  readonly drawing: Drawing;
  readonly judge: Pick<VouchingJudge, 'vouch'>;
  readonly plan: (text: string) => void;
  readonly mailbox: Mailbox;
  readonly keeper: QuarantineKeeper;
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
    if (served.shelf.size === 0 && !drawing.templates.refused) {
      return;
    }
    if (!served.since.hasGood) {
      this.#plan(1000);
      return;
    }
    const mended = (await this.#tryTemplate(signal)) || (await this.#tryShelf(signal));
    if (mended) {
      this.#backOff.succeeded();
    }
    if (served.shelf.size > 0 || drawing.templates.refused) {
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
      const text = await drawing.render(served.copy(), refused);
      plan(text);
      if ((await judge.vouch(text, signal)).kind !== 'accepted') {
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

  async #tryShelf(signal: AbortSignal): Promise<boolean> {
    const { served, drawing, judge, plan } = this.#options;
    const before = new Map(served.shelf.all.map((one) => [one.unit.id, one]));
    const changes = [...before.values()].map(({ unit, believed, wanted }) => ({
      unit,
      good: believed,
      goal: wanted,
    }));
    if (changes.length === 0) {
      return false;
    }
    const budget = new CheckBudget({ patience: 0, spent: 0, signal });
    const known = { kind: 'base' } as const;
    const outcome = await searchChanges(changes, { served, drawing, judge, plan, budget, signal, known });
    return outcome.kind === 'settled' && this.#apply(outcome, before);
  }

  /** Takes what is accepted into the served, unless it changed in the meantime. */
  #apply({ plans, taken, aside }: Settled, before: ReadonlyMap<string, Shelved>): boolean {
    const { served, keeper, mailbox } = this.#options;
    let changed = false;
    for (const plan of plans) {
      const { unit, good, goal } = plan;
      if (served.shelf.get(unit) !== before.get(unit.id)) {
        continue;
      }
      const kept = entriesWith(plan, taken);
      if (sameValues(kept, goal)) {
        served.change(served.shelf.release(unit));
        keeper.released([unit]);
        changed = true;
        continue;
      }
      const part = plan.parts.find((one) => aside.has(one));
      keeper.setAside(unit, { kept, judged: good, reason: (part && aside.get(part)) ?? '' });
      changed ||= !sameValues(kept, good);
    }
    void keeper.save();
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
