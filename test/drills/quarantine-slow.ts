import { readFile, realpath, rename, rm, symlink } from 'node:fs/promises';
import path from 'node:path';
import { request, waitFor } from '../support/haproxy.ts';
import type { Drill } from './drill.ts';
import { BAD, drill, expectAside, expectThat, timed } from './quarantine-drill.ts';
import type { QuarantineSite } from './quarantine-site.ts';
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
];
