import { expect, test } from 'vitest';
import { TURN_MS, Turns } from '../../src/reconcile/turns.ts';
import { waitFor } from '../support/haproxy.ts';

test('a step counts as turns while it keeps its limit, and then the innermost is named', async () => {
  const turns = new Turns(2 * TURN_MS);
  const begun = turns.last;
  let end = () => {};
  const hanging = turns.step('the reload', () =>
    turns.step('check', () => new Promise<void>((resolve) => (end = resolve))),
  );
  await waitFor(() => turns.last > begun, { timeout: 10_000 });
  expect(turns.overdue).toBeNull();
  await waitFor(() => turns.overdue !== null, { timeout: 10_000 });
  expect(turns.overdue).toMatchObject({ step: 'check' });
  const last = turns.last;
  await new Promise((resolve) => setTimeout(resolve, 1.5 * TURN_MS));
  expect(turns.last).toBe(last);
  end();
  await hanging;
  expect(turns.overdue).toBeNull();
});

test('a step that throws is over', async () => {
  const turns = new Turns(0);
  await expect(turns.step('check', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(turns.overdue).toBeNull();
});
