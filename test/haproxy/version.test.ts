import { expect, test } from 'vitest';
import { haproxyVersion, parseVersion } from '../../src/haproxy/version.ts';
import { haproxyVersions } from '../support/haproxy-versions.ts';

test('haproxyVersion() tells the full version and the branch', async () => {
  for (const { path: binary, name: branch } of haproxyVersions) {
    expect(await haproxyVersion(binary)).toMatchObject({
      full: expect.stringMatching(/^\d+\.\d+\.\d+/),
      branch,
    });
  }
});

test('parseVersion() reads old and new forms', () => {
  expect(parseVersion('HA-Proxy version 1.8.19-1+deb10u3 2020/08/01')).toEqual({
    full: '1.8.19-1+deb10u3',
    branch: '1.8',
  });
  expect(parseVersion('HAProxy version 3.2.26 2026/10/17 - https://haproxy.org/')?.branch).toBe('3.2');
  expect(parseVersion('2.6.12-1+deb12u4')?.branch).toBe('2.6');
  expect(parseVersion('nginx 1.2')).toBeNull();
});

test('haproxyVersion() says what is wrong with a binary that is missing or none', async () => {
  await expect(haproxyVersion('/nowhere/haproxy')).rejects.toThrow(
    '/nowhere/haproxy for its version: it is not there',
  );
  await expect(haproxyVersion('echo')).rejects.toThrow('found no HAProxy, but "-v"');
});
