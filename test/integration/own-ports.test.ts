import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { freePort, request, startBackend, waitFor } from '../support/haproxy.ts';
import { makeSite } from '../support/pointsman.ts';

type Rejected = readonly { readonly key: string; readonly reason: string }[];

/** A template of one's own that listens on a port of its own, too. */
const own = (bind: string) => `{% extends "pointsman/haproxy.cfg.njk" %}
{% block http_bind %}
{{ super() }}  bind ${bind}
{% endblock %}
`;

test.each([
  [
    'the first of a list by comma',
    (port: number, other: number) => ({ bind: `127.0.0.1:${port},127.0.0.1:${other}` }),
  ],
  [
    'the last of a list by comma',
    (port: number, other: number) => ({ bind: `127.0.0.1:${other},127.0.0.1:${port}` }),
  ],
  ['in a range', (port: number) => ({ bind: `127.0.0.1:${port - 1}-${port}` })],
  ['of a template of one’s own', (port: number) => ({ template: own(`127.0.0.1:${port}`) })],
  [
    'of a template of one’s own, in a range',
    (port: number) => ({ template: own(`127.0.0.1:${port - 1}-${port}`) }),
  ],
  ['of a template of one’s own, of IPv6', (port: number) => ({ template: own(`[::]:${port} v4v6`) })],
  [
    'of a template of one’s own, of an interface',
    (port: number) => ({ template: own(`127.0.0.1:${port} interface lo`) }),
  ],
] as const)(
  'a route gets no request of a port that is bound already, and is told: %s',
  async (_, settingsOf) => {
    await using shop = await startBackend('shop');
    await using evil = await startBackend('evil');
    const port = await freePort();
    const { bind, template } = {
      bind: undefined,
      template: undefined,
      ...settingsOf(port, await freePort()),
    };
    await using site = await makeSite({
      vars: { ...(bind ? { bind } : {}), bindAddress: ['127.0.0.1', '[::]'], defaultService: 'shop' },
      more: template ? { template: 'tpl/own.njk' } : {},
    });
    await mkdir(path.join(site.folder, 'tpl'));
    await writeFile(path.join(site.folder, 'tpl', 'own.njk'), template ?? '');
    const keys = (routes: object, more: object = {}) =>
      writeFile(
        path.join(site.folder, 'services.yaml'),
        JSON.stringify({
          services: { shop: { a: shop.address }, evil: { a: evil.address }, ...more },
          routes,
        }),
      );
    await keys({});
    await using daemon = await site.start();
    await daemon.ready();
    const url = `http://127.0.0.1:${port}`;
    const count = async () => {
      const answers = await Promise.all(
        Array.from({ length: 40 }, () => request(url, { host: 'shop.example.com' })),
      );
      return Object.fromEntries(
        ['shop', 'evil'].map((name) => [name, answers.filter(({ body }) => body === name).length]),
      );
    };
    await waitFor(async () => (await count().catch(() => null))?.shop === 40, { what: 'the shop' });
    await keys({ evil: { mode: 'tcp', port } });
    const rejected = async () =>
      ((await daemon.status()).rejected as Rejected).filter(({ key }) => key === '/routes/evil');
    await waitFor(async () => (await rejected()).length > 0, { what: 'the rejection', timeout: 20_000 });
    expect((await rejected())[0]?.reason).toContain(`the port ${port} is taken by`);
    expect(await count()).toEqual({ shop: 40, evil: 0 });
    // All else goes on.
    await keys({ evil: { mode: 'tcp', port } }, { late: { a: evil.address } });
    await waitFor(async () => (await request(url, { host: 'late' })).body === 'evil', {
      what: 'the next change',
      timeout: 20_000,
    });
    expect(await count()).toEqual({ shop: 40, evil: 0 });
    await keys({});
    await waitFor(async () => (await rejected()).length === 0, { what: 'the end of it', timeout: 20_000 });
  },
  120_000,
);
