import { expect, it } from 'vitest';
import { loadSettings } from '../../src/settings/load-settings.ts';
import { hideSecrets, redactSettings, secretsOf } from '../../src/settings/redact-settings.ts';

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

it('secretsOf() gives what templates may write and nobody should read, the longest first', async () => {
  const settings = await loadSettings({
    env: { POINTSMAN_ETCD_ENDPOINTS: 'http://a:1' },
    overrides: {
      vars: '{ domain: example.com, password: hunter, tokens: [hunter22, { of: hunter333 }], passThrough: on }',
      'node.env': 'HOME,DB_PASSWORD,MISSING_TOKEN',
    },
    cwd: '/',
  });
  const secrets = secretsOf(settings, {
    HOME: '/root',
    DB_PASSWORD: 'from-the-environment',
    OTHER_PASSWORD: 'other',
  });
  expect(secrets).toEqual(['from-the-environment', 'hunter333', 'hunter22', 'hunter']);
  expect(hideSecrets('user a password hunter22 or hunter', secrets)).toBe('user a password *** or ***');
});
