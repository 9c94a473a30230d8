import { chmod, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import path from 'node:path';
import { expect, test } from 'vitest';
import { makeSite } from '../support/pointsman.ts';

const KEYS = 'services: { web: { a: 10.0.0.1:80 } }\n';

test('check says which program of a command is missing or may not be run, and names one that is fine', async () => {
  await using site = await makeSite({
    haproxy: {
      mode: 'command',
      statsSocket: '',
      reloadCommand: ['systemctll', 'reload', 'haproxy'],
      checkCommand: ['./judge', '{config}'],
    },
  });
  await writeFile(path.join(site.folder, 'services.yaml'), KEYS);
  const judge = path.join(site.folder, 'judge');
  await writeFile(judge, '#!/bin/sh\nexit 0\n');
  const { code, stdout } = await site.run('check');
  expect(code).toBe(1);
  expect(stdout).toMatch(
    /^wrong +commands +haproxy\.reloadCommand: systemctll is not there, in none of \S*\/bin\S*\n +Install it, or correct haproxy\.reloadCommand\.$/m,
  );
  expect(stdout).toMatch(
    /^wrong +commands +haproxy\.checkCommand: \.\/judge may not be executed by user \S+ \(uid \d+\)$/m,
  );
  await chmod(judge, 0o755);
  const better = await site.run('check', '--set', 'haproxy.reloadCommand=true');
  expect(better.stdout).toMatch(/^ok +commands +haproxy\.checkCommand: \.\/judge can be run$/m);
  expect(better.stdout).toMatch(/^ok +commands +haproxy\.reloadCommand: \/\S*bin\/true can be run$/m);
  expect(better.stdout).not.toContain('wrong');
  const managed = await site.run('check', '--set', 'haproxy.mode=master-socket');
  expect(managed.stdout).not.toContain('reloadCommand');
});

test('check says whether the status port is free, taken, or Pointsman answers there already', async () => {
  await using site = await makeSite({ haproxy: { mode: 'none' } });
  await writeFile(path.join(site.folder, 'services.yaml'), KEYS);
  const said = async () => {
    const { code, stdout } = await site.run('check');
    return { code, line: stdout.split('\n').find((line) => line.includes(' status ')) };
  };
  const where = `127.0.0.1:${site.statusPort}`;
  expect(await said()).toEqual({ code: 0, line: `ok     status     ${where} is free` });
  const stranger = createServer((_, answer) => answer.end('{}')).listen(site.statusPort, '127.0.0.1');
  expect(await said()).toEqual({
    code: 1,
    line: `wrong  status     opening the status server on ${where}: another process listens there`,
  });
  stranger.closeAllConnections();
  await new Promise((resolve) => stranger.close(resolve));
  await using daemon = await site.start();
  await daemon.ready();
  expect(await said()).toEqual({
    code: 0,
    line: `ok     status     Pointsman runs, and answers on ${where}`,
  });
  const other = await site.run('check', '--set', 'output.path=/tmp/other.cfg');
  expect(other.stdout).toContain(`${where}: the Pointsman of ${site.configPath} listens there`);
});

test('check names ports of services that this host may give its own connections, or that the configuration has itself', async () => {
  await using site = await makeSite({ haproxy: { mode: 'none' }, more: { template: 'own.njk' } });
  const [, last = 0] = (await readFile('/proc/sys/net/ipv4/ip_local_port_range', 'utf8'))
    .split(/\s+/)
    .map(Number);
  const routes = { db: { mode: 'tcp', port: last }, mail: { mode: 'tcp', port: 2525 } };
  await writeFile(
    path.join(site.folder, 'services.yaml'),
    JSON.stringify({ services: { db: { a: '10.0.0.1:80' }, mail: { a: '10.0.0.2:80' } }, routes }),
  );
  await writeFile(
    path.join(site.folder, 'own.njk'),
    '{% extends "pointsman/haproxy.cfg.njk" %}\n{% block extra %}\nfrontend mine from tcp\n  bind :2525\n  default_backend be_mail\n{% endblock %}\n',
  );
  const { code, stdout } = await site.run('check');
  expect(stdout).toMatch(
    new RegExp(
      `^note +ports +${last} \\(db\\): this host gives ports from \\d+ to ${last} to its own connections`,
      'm',
    ),
  );
  expect(stdout).toMatch(
    /^note +ports +\/routes\/mail: the port 2525 is taken by frontend mine of the configuration itself$/m,
  );
  expect(code).toBe(0);
  const dry = await site.run('render', '--dry-run');
  expect(dry.stderr).toContain('/routes/mail');
  expect(dry.stdout.match(/bind .*:2525/g)).toHaveLength(1);
  const once = await site.run('render');
  expect(once.code).toBe(0);
  expect(once.stderr).toMatch(
    /^rejected \/routes\/mail ".*": the port 2525 is taken by frontend mine of the configuration itself$/m,
  );
});
