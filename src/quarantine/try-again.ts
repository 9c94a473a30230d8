import { sameValues } from '../tree/unit.ts';
import { CheckBudget } from './check-budget.ts';
import type { QuarantineNeeds } from './quarantine-needs.ts';
import { searchChanges } from './search.ts';

/** Tries a template that is refused, and else what is set aside. True where something of it is accepted now. */
export async function tryAgain(needs: QuarantineNeeds, signal: AbortSignal): Promise<boolean> {
  return (await tryTemplate(needs, signal)) || (await tryUnits(needs, signal));
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

async function tryUnits(needs: QuarantineNeeds, signal: AbortSignal): Promise<boolean> {
  const { served, mailbox } = needs;
  const units = () => served.refused.filter(({ unit }) => unit.kind !== 'value');
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
  const now = new Set(units());
  const same = new Set(before.filter((one) => now.has(one)).map(({ unit }) => unit.id));
  let changed = false;
  for (const { unit, good, goal, kept, reason } of outcome.forms.filter(({ unit: { id } }) => same.has(id))) {
    if (sameValues(kept, goal)) {
      served.release(unit);
      changed = true;
    } else {
      served.setAside(unit, { kept, judged: good, reason });
      changed ||= !sameValues(kept, good);
    }
  }
  if (changed) {
    mailbox.post('what was set aside is accepted now');
  }
  return changed;
}
