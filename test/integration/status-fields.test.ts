import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { pathsIn, statusValidator, toldPaths } from '../docs/status-paths.ts';
import { startBackend, waitFor } from '../support/haproxy.ts';
import { makeSite } from '../support/pointsman.ts';

test('what a daemon with all kinds of trouble answers on /api/status has the fields that docs/status.md and docs/openapi.yaml have', async () => {
  await using web = await startBackend('web');
  await using site = await makeSite({
    more: { guard: { minimum: 1, share: 0.4 }, prefixes: { keys: ['/haproxy'] }, template: './t.njk' },
  });
  await writeFile(
    path.join(site.folder, 't.njk'),
    '{% extends "pointsman/haproxy.cfg.njk" %}\n{% block global_extra %}{{ getv("/haproxy/line", "") }}{% endblock %}\n',
  );
  const keys = (text: string) => writeFile(path.join(site.folder, 'services.yaml'), text);
  const shop = (at: number) => `s${at}: "127.0.0.${at}:1"`;
  await keys(
    `services: { web: { a: "${web.address}" }, shop: { ${shop(2)}, ${shop(3)} } }\nhaproxy: { line: "" }`,
  );
  await using daemon = await site.start();
  await daemon.ready();
  await keys(
    `services: { web: { a: nonsense, b: nonsense, c: '{"host":"127.0.0.9","port":1,"wieght":3}' }, shop: { ${shop(2)} } }\nhaproxy: { line: "no-such-keyword" }`,
  );
  let status: Record<string, unknown> = {};
  const filled = ['rejected', 'kept', 'held', 'quarantined', 'remarks', 'passes', 'sources'];
  await waitFor(
    async () => {
      status = await daemon.status();
      return filled.every((name) => (status[name] as unknown[]).length > 0) && status.lastError !== null;
    },
    { what: `something in each of ${filled}`, timeout: 40_000 },
  ).catch((error) => {
    throw new Error(`${error}\n${JSON.stringify(status, null, 1)}`);
  });
  const told = toldPaths();
  const isTold = (one: string) => told.has(one) || [...told].some((other) => other.startsWith(`${one}.`));
  expect(pathsIn(status).filter((one) => !isTold(one))).toEqual([]);
  const validate = statusValidator();
  validate(status);
  expect(validate.errors ?? []).toEqual([]);
  const asked = JSON.parse((await site.run('status', '--json')).stdout);
  expect(Object.keys(asked).toSorted()).toEqual([...Object.keys(status), 'pid'].toSorted());
}, 90_000);
