import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { showProc, startBackend, waitFor } from '../support/haproxy.ts';
import { haproxyVersions } from '../support/haproxy-versions.ts';
import { makeSite } from '../support/pointsman.ts';

/** As root HAProxy warns where nothing is said of these. */
const isRoot = process.geteuid?.() === 0;

test.each(haproxyVersions)(
  'what HAProxy $name says of a start, a reload and a stop is for debugging only',
  async ({ path: binary }) => {
    await using backend = await startBackend('one');
    await using site = await makeSite({
      haproxy: { binary },
      vars: isRoot ? { chroot: '/', user: 0 } : {},
      more: { apply: { mode: 'reload' }, log: { format: 'json', level: 'debug' } },
    });
    const put = (name: string) =>
      writeFile(
        path.join(site.folder, 'services.yaml'),
        `services: { ${name}: { one: "${backend.address}" } }\n`,
      );
    await put('web');
    await using daemon = await site.start();
    await daemon.ready();
    await put('other');
    await waitFor(async () => (await showProc(site.masterSocket).catch(() => null))?.reloads === 1);
    const words = () => daemon.log().filter(({ event }) => event === 'haproxy-log');
    await waitFor(() => words().filter(({ msg }) => String(msg).includes('Loading success')).length === 2);
    daemon.child.kill('SIGTERM');
    await daemon.ended;
    expect(words().filter(({ level }) => level !== 'debug')).toEqual([]);
    for (const { msg } of daemon.log()) {
      expect(String(msg)).not.toContain('\n');
    }
  },
);
