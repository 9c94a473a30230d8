import { readFile, realpath, rename } from 'node:fs/promises';
import path from 'node:path';
import { waitFor } from '../support/haproxy.ts';
import type { Drill } from './drill.ts';
import { drill, expectAside, expectThat, timed } from './quarantine-drill.ts';
import { type QuarantineSite, TEMPLATE } from './quarantine-site.ts';
import { script } from './rig.ts';

const BIND = '  bind {{ vars.bind }}\n';
/** All addresses in one line: HAProxy takes 64 words of a line. */
const NARROW = TEMPLATE.replace(
  BIND,
  `${BIND}  http-request deny unless { src {{ getvs("/haproxy/allow/*") | join(" ") }} }\n`,
);
const WIDE = TEMPLATE.replace(
  BIND,
  `${BIND}{% for part in getvs("/haproxy/allow/*") | batch(50) %}\n  acl allowed src {{ part | join(" ") }}\n{% endfor %}\n  http-request deny unless allowed\n`,
);
/** So many addresses have room in the line: the rule itself has six words. */
const ROOM = 58;

const key = (at: number) => `/haproxy/allow/k${String(at).padStart(2, '0')}`;
const allowed = (from: number, to: number): Record<string, string> =>
  Object.fromEntries(
    Array.from({ length: to - from }, (_, at) => [
      key(from + at),
      from + at === 0 ? '127.0.0.1' : `10.0.0.${from + at}`,
    ]),
  );

/** Counts the checks from now on. */
async function countChecks(at: QuarantineSite): Promise<() => Promise<number>> {
  const binary = path.join(at.site.folder, 'bin', 'haproxy');
  const real = await realpath(binary);
  const file = path.join(at.site.folder, 'checks');
  const counting = await script(
    `${binary}.counting`,
    `case " $* " in *" -c "*) echo >>${file} ;; esac`,
    `exec ${real} "$@"`,
  );
  await rename(counting, binary);
  return async () => (await readFile(file, 'utf8').catch(() => '')).length;
}

/** Resolves when no check was made for so long. */
async function quiet(checks: () => Promise<number>, ms: number): Promise<void> {
  let [seen, since] = [-1, performance.now()];
  const isQuiet = async () => {
    const now = await checks();
    if (now !== seen) {
      [seen, since] = [now, performance.now()];
    }
    return performance.now() - since > ms;
  };
  await waitFor(isQuiet, { what: 'a pause between the tries', timeout: 120_000 });
}

/** A try that time alone brings, and that fails. The pause after it is twice as long as the one before. Gives when it began. */
async function aTryFails(checks: () => Promise<number>): Promise<number> {
  const before = await checks();
  await waitFor(async () => (await checks()) > before, { what: 'a try by time alone', timeout: 60_000 });
  const begun = performance.now();
  await quiet(checks, 1000);
  return begun;
}

/** What is set aside for the sake of a template is no longer when that is mended. */
export const quarantineMendedDrills: readonly Drill[] = [
  drill(
    'a template without room for some keys is mended after some tries',
    'what was set aside is tried again at once, and not when time alone would bring it',
    async (at, form) => {
      const count = ROOM + (form === 'full' ? 21 : 2);
      const checks = await countChecks(at);
      await at.put(allowed(50, count));
      const isAside = async () => (await at.setAside().catch(() => [])).length === count - ROOM;
      await waitFor(isAside, { what: 'the keys without room', timeout: 60_000 });
      for (const { unit } of await at.setAside()) {
        expectThat(unit.startsWith('key /haproxy/allow/'), `${unit} is set aside`);
      }
      await quiet(checks, 1000);
      let [tried, pause] = [0, 5000];
      for (let tries = form === 'full' ? 2 : 1; tries > 0; tries--) {
        [tried, pause] = [await aTryFails(checks), pause * 2];
      }
      const isIn = async () => {
        const text = await readFile(at.site.configPath, 'utf8');
        return Object.values(allowed(0, count)).every((address) => text.includes(address));
      };
      const ms = await timed(async () => {
        await at.template(WIDE);
        await waitFor(isIn, { what: 'all of them in the file', timeout: 60_000 });
      });
      expectThat(performance.now() < tried + pause, `it is before the next try by time alone: ${ms} ms`);
      await expectAside(at, [], /./);
      await at.answered('web', 'web');
      return ms;
    },
    { template: NARROW, before: allowed(0, 50) },
  ),
];
