import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { waitFor } from '../support/haproxy.ts';
import { makeSite } from '../support/pointsman.ts';

const TEMPLATE = '{% extends "pointsman/haproxy.cfg.njk" %}\n';

test('a template that is deleted is told in log and status, its last text goes on, and other files are nobody’s', async () => {
  await using site = await makeSite({ haproxy: { mode: 'none' }, more: { template: 'tpl/own.njk' } });
  const [folder, services] = [path.join(site.folder, 'tpl'), path.join(site.folder, 'services.yaml')];
  const template = path.join(folder, 'own.njk');
  await mkdir(folder);
  await writeFile(template, TEMPLATE);
  await writeFile(services, 'services: { web: { a: "127.0.0.1:9001" } }\n');
  const text = () => readFile(site.configPath, 'utf8').catch(() => '');
  await using daemon = await site.start({ flags: ['--log-level', 'debug'] });
  await waitFor(async () => (await text()).includes('be_web'), { what: 'the first text', timeout: 30_000 });
  const seen = (message: string) => daemon.log().filter((line) => line.msg === message).length;
  const changed = seen('template changed');

  await writeFile(path.join(folder, 'own.log'), 'a line\n');
  await rm(template);
  const error = async () => ((await daemon.status()).template as { error: string | null }).error;
  await waitFor(async () => (await error()) !== null, { what: 'the status', timeout: 30_000 });
  expect(await error()).toBe(`reading the template ${template}: it does not exist`);
  const told = daemon.log().filter((line) => String(line.msg).includes('it does not exist'));
  expect(told).toHaveLength(1);
  await writeFile(services, 'services: { web: { a: "127.0.0.1:9001" }, shop: { a: "127.0.0.1:9002" } }\n');
  await waitFor(async () => (await text()).includes('be_shop'), { what: 'the next text', timeout: 30_000 });
  expect(seen('template changed')).toBe(changed);

  await writeFile(template, TEMPLATE);
  await waitFor(async () => (await error()) === null, { what: 'the template', timeout: 30_000 });
  expect(seen('template changed')).toBe(changed + 1);
}, 120_000);
