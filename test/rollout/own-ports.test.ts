import { describe, expect, test } from 'vitest';
import type { CatalogView } from '../../src/model/catalog-view.ts';
import { boundPorts } from '../../src/plan/bound-ports.ts';
import { renderPlaced } from '../../src/rollout/own-ports.ts';
import { catalogOf } from '../support/catalog.ts';

const CATALOG = catalogOf({
  '/services/web/a': '10.0.0.1:80',
  '/routes/db': { mode: 'tcp', port: 5432 },
  '/routes/mail': { mode: 'tcp', port: 25 },
});

/** Renders `fixed` and the frontends of services; says how often. */
function template(fixed: string, own = (port: number) => [`frontend own`, `  bind :${port}`]) {
  const seen: (readonly (number | null)[])[] = [];
  const render = async ({ services }: CatalogView) => {
    seen.push(services.map(({ port }) => port));
    return [fixed, ...services.flatMap(({ port }) => (port === null ? [] : own(port)))].join('\n');
  };
  return { render, seen };
}

describe('renderPlaced()', () => {
  test('renders once where no service asks for a port that another section listens on', async () => {
    const { render, seen } = template('frontend public\n  bind :80,:443\n  bind :8000-9000');
    expect(await renderPlaced(CATALOG, render)).toEqual({ text: await render(CATALOG), lost: [] });
    expect(seen).toHaveLength(2);
  });

  test.each([
    'frontend public\n  bind 127.0.0.1:5432',
    'frontend public\n  bind :80,10.0.0.1:5432',
    'frontend public\n  bind :5000-6000',
    'frontend public\n  bind [::]:5432 v6only',
    'frontend public\n  bind :5432 interface eth0',
    'listen other\n  bind ipv4@*:5432',
    'global\n  stats socket ipv4@127.0.0.1:5432',
    'peers mine\n  peer a 10.0.0.1:5432',
  ])('takes the port of its own from a service where the text listens on it by itself: %j', async (fixed) => {
    const { render } = template(fixed);
    const { text, lost } = await renderPlaced(CATALOG, render);
    expect(text).toBe(`${fixed}\nfrontend own\n  bind :25`);
    expect(lost).toEqual([{ service: 'db', port: 5432, by: fixed.split('\n')[0], beside: null }]);
  });

  test('takes it too where a file listens on it that HAProxy loads beside the text, unless the text does not listen on it for the service', async () => {
    const beside = [
      {
        path: '/etc/haproxy/base.cfg',
        bound: boundPorts('frontend old\n  bind :5432\nlisten odd\n  bind :9'),
      },
      { path: '/etc/haproxy/more.cfg', bound: boundPorts('frontend twice\n  bind :5432') },
    ];
    const { render, seen } = template('frontend public\n  bind :80');
    const { text, lost } = await renderPlaced(CATALOG, render, beside);
    expect(text).toBe('frontend public\n  bind :80\nfrontend own\n  bind :25');
    expect(lost).toEqual([
      { service: 'db', port: 5432, by: 'frontend old', beside: '/etc/haproxy/base.cfg' },
    ]);
    expect(seen).toHaveLength(2);
    const without = template('frontend public\n  bind :80', () => []);
    expect((await renderPlaced(CATALOG, without.render, beside)).lost).toEqual([]);
  });

  test('leaves a service the port that its template writes in two sections, beside one that loses its own', async () => {
    const twice = (port: number) => [
      'frontend v4',
      `  bind :${port}`,
      'frontend v6',
      `  bind [::]:${port} v6only`,
    ];
    const { render, seen } = template('frontend public\n  bind :80', twice);
    expect(await renderPlaced(CATALOG, render)).toEqual({ text: await render(CATALOG), lost: [] });
    expect(seen.slice(0, -1)).toEqual([
      [5432, 25, null],
      [null, null, null],
    ]);
    const both = template('frontend public\n  bind :25', twice);
    const { text, lost } = await renderPlaced(CATALOG, both.render);
    expect(lost.map(({ service }) => service)).toEqual(['mail']);
    expect(text.match(/bind .*/g)).toEqual(['bind :25', 'bind :5432', 'bind [::]:5432 v6only']);
  });

  test('gives a template the same service without a port each time, so that what it remembers of it holds', async () => {
    const seen: unknown[] = [];
    const render = async (catalog: CatalogView) => {
      seen.push(catalog.service('db'));
      return `frontend a\n  bind :5432\n${catalog.service('db')?.port ? 'frontend b\n  bind :5432' : ''}`;
    };
    await renderPlaced(CATALOG, render);
    await renderPlaced(CATALOG, render);
    expect(seen[1]).toMatchObject({ name: 'db', port: null });
    expect(seen[3]).toBe(seen[1]);
  });
});
