import { readFile, realpath, rename, rm, symlink } from 'node:fs/promises';
import path from 'node:path';
import { request, waitFor } from '../support/haproxy.ts';
import type { Drill, DrillResult } from './drill.ts';
import { BAD, drill, expectAside, expectThat, timed } from './quarantine-drill.ts';
import { type QuarantineSite, quarantineSite } from './quarantine-site.ts';
import { script } from './rig.ts';

/** A check that takes so many seconds longer from now on. Gives what makes it quick again. */
async function slowCheck(at: QuarantineSite, seconds: number): Promise<() => Promise<void>> {
  const binary = path.join(at.site.folder, 'bin', 'haproxy');
  const real = await realpath(binary);
  const slow = await script(
    `${binary}.slow`,
    `case " $* " in *" -c "*) sleep ${seconds} ;; esac`,
    `exec ${real} "$@"`,
  );
  await rename(slow, binary);
  return async () => {
    await rm(binary);
    await symlink(real, binary);
  };
}

/** Kills the daemon and starts another; the first is ended with the site. */
async function killed(at: QuarantineSite) {
  at.daemon.child.kill('SIGKILL');
  await at.daemon.ended;
}

/** Checks that take long, so that something else happens before they end. */
export const quarantineSlowDrills: readonly Drill[] = [
  drill(
    'Pointsman killed before a refusal is settled, the bad value in its cache',
    'set aside by the next start, the others go on, the template is not blamed',
    async (at) => {
      const quick = await slowCheck(at, 5);
      await at.put({ '/services/web/one': { host: '127.0.0.1', port: at.web.port, ...BAD } });
      const cache = path.join(at.site.folder, 'state', 'tree');
      await waitFor(async () => (await readFile(cache, 'utf8').catch(() => '')).includes('chekc'), {
        what: 'the bad value in the cache',
      });
      expectThat(at.events('quarantined').length === 0, 'nothing is set aside yet');
      await killed(at);
      await quick();
      await using again = await at.site.start();
      const ms = await timed(async () => {
        await at.put({ '/services/new/one': at.other.address });
        await at.answered('new', 'other');
      });
      await expectAside(at, ['instances of web'], /unknown keyword 'chekc'/);
      const blamed = again
        .log()
        .filter(({ event }) => event === 'template-error' || event === 'nobody-quarantined');
      expectThat(blamed.length === 0, `nothing else is blamed: ${blamed[0]?.msg}`);
      expectThat((await request(at.site.url, { host: 'web' })).body === 'web', 'web is served as before');
      await at.put({ '/services/web/one': at.web.address });
      await expectAside(at, [], /./);
      await at.calm();
      return ms;
    },
  ),
  {
    name: 'quarantine: a search that takes longer than its 5 s, its culprits named by no line',
    promise: 'nothing new meanwhile, that is said, and it ends well by itself',
    run: overBudget,
  },
];

async function overBudget(form: 'short' | 'full'): Promise<DrillResult> {
  const names = Array.from({ length: form === 'full' ? 24 : 6 }, (_, n) => `s${n}`);
  const bad = form === 'full' ? ['s3', 's17'] : ['s1'];
  await using at = await quarantineSite();
  await at.put(Object.fromEntries(names.map((name) => [`/services/${name}/one`, at.other.address])));
  await at.answered(names.at(-1) ?? '', 'other');
  const quick = await slowCheck(at, 1.4);
  const file = () => readFile(at.site.configPath, 'utf8');
  const before = await waitFor(async () => {
    const { lastPass } = (await at.daemon.status()) as { lastPass: { outcome: string; ageSeconds: number } };
    return lastPass.ageSeconds > 0.5 ? await file() : null;
  });
  const begun = performance.now();
  const to = (name: string) => (bad.includes(name) ? 'nowhere' : 'be_web');
  await at.put(
    Object.fromEntries(names.map((name) => [`/routes/${name}`, { meta: { to: to(name), was: name } }])),
  );
  const said = await waitFor(() => at.events('nobody-quarantined')[0], {
    what: 'the word that it takes longer',
    timeout: 15_000,
  });
  const saidAfter = performance.now() - begun;
  expectThat(String(said.msg).includes('takes longer to find'), `it says so: ${said.msg}`);
  expectThat(saidAfter < 10_000, `it is said after 5 s and a check: ${Math.round(saidAfter)} ms`);
  expectThat(at.events('quarantined').length === 0, 'nobody is set aside before the end');
  await waitFor(
    async () => {
      const isOver = at.events('quarantined').length > 0;
      if (!isOver) {
        expectThat((await file()) === before, 'nothing new is published');
      }
      return isOver;
    },
    { what: 'the end of the search', timeout: 120_000 },
  );
  for (const name of names) {
    if (!bad.includes(name)) {
      await at.answered(name, 'web');
    }
  }
  const ms = performance.now() - begun;
  await quick();
  await expectAside(
    at,
    bad.map((name) => `route of ${name}`),
    /nowhere/,
  );
  for (const name of bad) {
    await at.answered(name, 'other');
  }
  return { ms, seen: `${await at.calm()}; said after ${Math.round(saidAfter)} ms` };
}
