import { renderFixture } from 'pointsman/testing';
import { expect, test } from 'vitest';

const tree = new URL('./tree.yaml', import.meta.url);

test('the small template gives the configuration that was agreed on', async () => {
  const template = new URL('./templates/small.cfg.njk', import.meta.url);
  const { text, rejected } = await renderFixture({ tree, template });
  expect(rejected).toEqual([
    expect.objectContaining({ key: '/services/api/api-3', value: 'no address at all' }),
  ]);
  await expect(text).toMatchFileSnapshot('./expected.cfg');
});

test('the packaged template is extended in two places', async () => {
  const template = new URL('./templates/haproxy.cfg.njk', import.meta.url);
  const { text } = await renderFixture({ tree, template, vars: { domain: 'example.com' } });
  expect(text).toContain('  tune.bufsize 32768\n');
  expect(text).toContain('  http-request deny if { src 192.0.2.0/24 } # bots\n');
  expect(text).toContain('backend be_web');
});

test('a service that is not there yet changes nothing', async () => {
  const template = new URL('./templates/small.cfg.njk', import.meta.url);
  const { text } = await renderFixture({ tree: { services: {} }, template, vars: { bind: '127.0.0.1:80' } });
  expect(text).toContain('bind 127.0.0.1:80');
  expect(text).not.toContain('backend');
});
