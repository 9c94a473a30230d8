import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { startEtcd } from '../support/etcd.ts';
import { makeSite } from '../support/pointsman.ts';

const latin1 = (text: string) => Buffer.from(text, 'latin1');

test('a key or a value of etcd that is no UTF-8 is rejected by name, and a dump leaves it out with a word', async () => {
  await using etcd = await startEtcd();
  await etcd.put('/services/web/a', '10.0.0.1:80');
  await etcd.client.put(latin1('/services/web/\xff')).value('10.0.0.2:80');
  await etcd.client.put('/services/web/c').value(latin1('10.0.0.3:80\xfe'));
  await using site = await makeSite({ sources: [{ etcd: { endpoints: [etcd.endpoint] } }] });

  const services = await site.run('services');
  expect(services.stdout).toContain('  /services/web/\\xff  "10.0.0.2:80"\n    the key is no UTF-8');
  expect(services.stdout).toContain('  /services/web/c  "10.0.0.3:80\\xfe"\n    the value is no UTF-8');
  const { rejected } = JSON.parse((await site.run('services', '--json')).stdout);
  expect(rejected).toHaveLength(2);

  const dump = await site.run('dump');
  expect(dump.stdout.split('---')[0]).toBe('services:\n  web:\n    a: 10.0.0.1:80\n');
  expect(dump.stderr).toContain(
    'rejected /services/web/\\xff "10.0.0.2:80": the key is no UTF-8: it has the byte \\xff',
  );
  expect(dump.stderr).toContain('rejected /services/web/c');
  const rendered = await site.run('render', '--dry-run');
  expect(rendered.stdout).toContain('server a 10.0.0.1:80');
  expect(rendered.stdout).not.toContain('\ufffd');
  expect(rendered.stderr).toContain('rejected /services/web/\\xff');
});

test('a file that is no UTF-8 is refused with its line, as keys and as settings', async () => {
  await using site = await makeSite();
  await writeFile(path.join(site.folder, 'services.yaml'), latin1('services:\n  web:\n    a: caf\xe9\n'));
  const { code, stderr } = await site.run('dump');
  expect(code).toBe(1);
  expect(stderr).toContain('services.yaml:3: it is no UTF-8: it has the byte \\xe9 there');
  expect(stderr).toContain('save it as UTF-8');
  await writeFile(site.settingsFile, latin1('sources: [{ file: { path: ./caf\xe9.yaml } }]\n'));
  const settings = await site.run('dump');
  expect([settings.code, settings.stderr]).toEqual([
    2,
    expect.stringContaining('pointsman.yaml: it is no UTF-8'),
  ]);
});
