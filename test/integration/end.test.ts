import { stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { isAlive, showProc, startBackend, waitFor } from '../support/haproxy.ts';
import { makeSite, type Site } from '../support/pointsman.ts';

const keys = (site: Site, value: object) =>
  writeFile(path.join(site.folder, 'services.yaml'), JSON.stringify(value));

/** A check that hangs as soon as the file `slow` is there, and says so in `begun`; it refuses what holds `evil`. */
const CHECK = [
  'sh',
  '-c',
  'if [ -e slow ]; then echo x >> begun; sleep 300; fi; grep -q evil {config} && exit 1; exec haproxy -c -f {config}',
];

test.each([
  ['a check', { web: { a: '127.0.0.1:1' } }],
  ['the search for what is refused', { web: { a: '127.0.0.1:1' }, evil: { a: '127.0.0.1:2' } }],
])(
  'SIGTERM is heard at once in %s that hangs: the loop ends, and HAProxy with it',
  async (what, services) => {
    await using one = await startBackend('one');
    await using site = await makeSite({
      haproxy: { checkCommand: CHECK, checkTimeout: '400s' },
      vars: { defaultService: 'web' },
      more: { apply: { mode: 'reload' } },
    });
    await keys(site, { services: { web: { one: one.address } } });
    await using daemon = await site.start();
    await daemon.ready();
    const { master } = await showProc(site.masterSocket);
    const slow = () => writeFile(path.join(site.folder, 'slow'), '');
    if (what === 'a check') {
      await slow();
    }
    await keys(site, { services });
    if (what !== 'a check') {
      await waitFor(() => daemon.log().some(({ event }) => event === 'check-refused'));
      await slow();
    }
    const hangs = path.join(site.folder, 'begun');
    await waitFor(async () => (await stat(hangs).catch(() => null)) !== null || what !== 'a check', {
      timeout: 20_000,
    });
    const begun = performance.now();
    daemon.child.kill('SIGTERM');
    await waitFor(() => daemon.log().some(({ event }) => event === 'stopping'));
    expect(performance.now() - begun).toBeLessThan(2000);
    expect(await daemon.ended).toBe(0);
    expect(performance.now() - begun).toBeLessThan(9000);
    expect(await isAlive(master)).toBe(false);
  },
  60_000,
);
