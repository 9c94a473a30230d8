import { waitFor } from '../support/haproxy.ts';
import type { Drill, DrillResult } from './drill.ts';
import { type QuarantineSite, quarantineSite } from './quarantine-site.ts';

/** What makes HAProxy refuse a server of the template of these drills, by its line. */
export const BAD = { options: 'chekc' };

/** A drill on a site of its own. `act` gives the milliseconds that the promise is about. */
export function drill(
  name: string,
  promise: string,
  act: (at: QuarantineSite, form: 'short' | 'full') => Promise<number | null>,
  options: Parameters<typeof quarantineSite>[0] = {},
): Drill {
  return {
    name: `quarantine: ${name}`,
    promise,
    async run(form): Promise<DrillResult> {
      await using at = await quarantineSite(options);
      const ms = await act(at, form);
      const limit = /within (\d+) s/.exec(promise)?.[1];
      expectThat(ms === null || ms <= 1000 * Number(limit ?? 60), `${promise}: ${ms} ms`);
      return { ms, seen: await at.calm() };
    },
  };
}

/** Throws where it is not so. */
export function expectThat(truth: boolean, what: string): asserts truth {
  if (!truth) {
    throw new Error(`not so: ${what}`);
  }
}

/** Milliseconds that something takes. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** Exactly these are set aside, in the words of HAProxy or the template. */
export async function expectAside(
  at: QuarantineSite,
  units: readonly string[],
  words: RegExp,
): Promise<void> {
  const found = await waitFor(
    async () => {
      const aside = await at.setAside();
      return aside.length === units.length ? aside : null;
    },
    { what: `set aside: ${units.join()}` },
  ).catch(async (error) => {
    throw new Error(`${error}: ${JSON.stringify(await at.setAside())}\n${at.daemon.output().slice(-6000)}`);
  });
  const ids = found.map(({ unit }) => unit).sort();
  expectThat(ids.join() === [...units].sort().join(), `set aside are ${ids.join()}`);
  for (const { reason } of found) {
    expectThat(words.test(reason), `the words are shown: ${reason}`);
  }
}
