import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { routeOf } from '../../src/testing/render-fixture.ts';
import { makeSite } from '../support/pointsman.ts';

const TREE = {
  services: {
    web: { a: '10.0.0.1:80', b: { host: '10.0.0.2', port: 80, drain: true } },
    api: { a: '10.0.0.3:80' },
    hidden: { a: '10.0.0.4:80' },
    db: { a: '10.0.0.5:80' },
    gone: { a: { host: '10.0.0.6', port: 80, drain: true } },
    wrong: { a: '10.0.0.7:80' },
  },
  routes: {
    api: { hosts: ['web'], paths: ['/api'] },
    hidden: { expose: false },
    db: { mode: 'tcp', port: 5432 },
    wrong: { hosts: ['a b'] },
  },
};

test('pointsman route says who answers and why not another, and ends with 1 where nobody does', async () => {
  await using site = await makeSite();
  const from = path.join(site.folder, 'tree.yaml');
  await writeFile(from, JSON.stringify(TREE));
  const route = (...args: string[]) => site.run('route', ...args, '--from', from);

  const web = await route('http://web/cart', '--header', 'X-Any: 1', '--method', 'POST');
  expect(web.stdout).toContain(
    'web  by host web\n  backend be_web\n  a  10.0.0.1:80\n  b  gets no new sessions: drain\n',
  );
  expect(web.stdout).toContain('  api  host web, path /api  (path) the path is not /api and not below it\n');
  expect(web.stdout).toContain('note: no rule looks at x-any\n');
  expect(web.stdout).toContain('note: no rule looks at the method\n');
  expect(web.code).toBe(0);

  const nobody = await route('http://hidden/', '--json');
  expect(JSON.parse(nobody.stdout)).toMatchObject({
    answer: { kind: 'nobody' },
    others: [{ service: 'hidden', failed: 'expose' }],
  });
  expect(nobody.code).toBe(1);

  await mkdir(path.join(site.folder, 't'));
  const template = path.join(site.folder, 't/own.njk');
  await writeFile(template, '{% extends "pointsman/haproxy.cfg.njk" %}{% block http_routes %}{% endblock %}');
  const own = await route('http://web/', '--set', `template=${template}`);
  expect(own.stdout).toContain('is not known here: it has blocks of its own (http_routes)');
  expect((await route('nothing at all')).code).toBe(2);
}, 60_000);

test('routeOf() names the condition that fails: order, host, port, tcp, a route that is rejected, and servers that take nothing', async () => {
  const of = (url: string, headers: string[] = []) => routeOf({ tree: TREE }, url, { headers });
  expect(await of('http://web/api')).toMatchObject({
    answer: { service: 'api', rule: 'host web, path /api' },
    others: [{ service: 'web', failed: 'order' }],
  });
  expect((await of('http://db:5432/')).answer).toMatchObject({ service: 'db', rule: 'port 5432' });
  expect(await of('http://db/')).toMatchObject({
    answer: { kind: 'nobody' },
    others: [{ service: 'db', failed: 'tcp', why: 'it is a tcp service, and is reached at its port 5432' }],
  });
  expect((await of('http://web:81/')).answer).toEqual({ kind: 'no listener', port: 81 });
  expect((await of('http://gone/')).answer).toMatchObject({ servers: [], idle: [{ id: 'a', why: 'drain' }] });
  expect((await of('http://wrong/')).others).toMatchObject([{ service: 'wrong', failed: 'route' }]);
  expect((await of('http://weba/')).others).toContainEqual(
    expect.objectContaining({ service: 'web', failed: 'host', why: 'the host weba is not web' }),
  );
  expect((await of('/api', ['Host: WEB.'])).answer).toMatchObject({ service: 'api' });
});
