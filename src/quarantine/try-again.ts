import { clock } from '../ports/clock.ts';
import { sameValues } from '../tree/unit.ts';
import { CheckBudget } from './check-budget.ts';
import type { QuarantineNeeds } from './quarantine-needs.ts';
import { searchChanges } from './search.ts';

/** Milliseconds until what a reload failed over is tried again in any case: only a reload tells, and one that fails refuses connections. */
const AFTER_RELOAD = 300_000;

/** What is tried. */
export interface WhatToTry {
  /** `ports`: only what this host alone refuses. */
  readonly what: 'all' | 'ports';
  /** The ids of units whose ports are free now: a reload may tell more of them. */
  readonly free: ReadonlySet<string>;
}

/** Tries a template that is refused, and else what is set aside. True where something of it is accepted now. */
export async function tryAgain(needs: QuarantineNeeds, of: WhatToTry, signal: AbortSignal): Promise<boolean> {
  return (of.what === 'all' && (await tryTemplate(needs, signal))) || (await tryUnits(needs, of, signal));
}

async function tryTemplate(needs: QuarantineNeeds, signal: AbortSignal): Promise<boolean> {
  const { served, drawing, judge, plan, mailbox } = needs;
  const { refused } = drawing.templates;
  if (!refused) {
    return false;
  }
  try {
    const { text } = await drawing.render(served.copy(), refused);
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

async function tryUnits(
  needs: QuarantineNeeds,
  { what, free }: WhatToTry,
  signal: AbortSignal,
): Promise<boolean> {
  const { served, mailbox } = needs;
  const units = () =>
    served.refused.filter(
      ({ unit, by }) => unit.kind !== 'value' && (what === 'all' || (by ?? 'check') !== 'check'),
    );
  // By now the preflight may see what only the reload told.
  const waits = new Set(
    units()
      .filter(({ by, since }) => by === 'reload' && clock.date() - since < AFTER_RELOAD)
      .filter(({ unit }) => !free.has(unit.id))
      .map(({ unit }) => unit.id),
  );
  const before = units();
  if (before.length === 0) {
    return false;
  }
  const changes = before.map(({ unit, served: good, believed: goal }) => ({ unit, good, goal }));
  const budget = new CheckBudget({ patience: 0, spent: 0, signal });
  const outcome = await searchChanges(changes, { ...needs, budget, signal, known: { kind: 'base' } });
  if (outcome.kind !== 'settled') {
    return false;
  }
  // What changed in the meantime is another one.
  const still = new Set(units());
  const same = new Set(before.filter((one) => still.has(one)).map(({ unit }) => unit.id));
  let changed = false;
  for (const { unit, good, goal, kept, ...why } of outcome.forms.filter(({ unit: { id } }) => same.has(id))) {
    if (sameValues(kept, goal)) {
      if (!waits.has(unit.id)) {
        served.release(unit);
        changed = true;
      }
    } else {
      served.setAside(unit, { kept, judged: good, ...why });
      changed ||= !sameValues(kept, good);
    }
  }
  if (changed) {
    mailbox.post('what was set aside is accepted now');
  }
  return changed;
}
