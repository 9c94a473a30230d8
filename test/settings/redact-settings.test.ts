import { expect, it } from 'vitest';
import { loadSettings } from '../../src/settings/load-settings.ts';
import { redactSettings } from '../../src/settings/redact-settings.ts';

it('redactSettings() hides what sounds like a secret in vars, however deep, and nothing else', async () => {
  const settings = await loadSettings({
    env: {
      POINTSMAN_ETCD_ENDPOINTS: 'http://a:1',
      POINTSMAN_ETCD_USERNAME: 'me',
      POINTSMAN_ETCD_PASSWORD_FILE: '/pw',
    },
    overrides: { vars: '{ domain: a.b, stats: { user: me, password: p1 }, list: [{ apiToken: p2 }] }' },
    cwd: '/',
  });
  const printed = redactSettings(settings);
  expect(printed.vars).toEqual({
    domain: 'a.b',
    stats: { user: 'me', password: '***' },
    list: [{ apiToken: '***' }],
  });
  expect({ ...printed, vars: settings.vars }).toEqual(settings);
});
