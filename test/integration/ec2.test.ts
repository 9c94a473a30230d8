import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { ec2Failure, startEc2 } from '../support/ec2.ts';
import { waitFor } from '../support/haproxy.ts';
import { makeSite } from '../support/pointsman.ts';

const DB = { role: 'db' };
const EC2 = {
  region: 'eu-central-1',
  filters: { 'tag:role': 'db' },
  service: 'db',
  port: 5432,
  interval: '100ms',
};

test('datastores of EC2 are served, held where none is left, and served from the cache where EC2 refuses a start', async () => {
  await using ec2 = await startEc2({
    instances: [1, 2].map((at) => ({ id: `i-${at}`, privateIp: `10.0.0.${at}`, tags: DB })),
  });
  await using site = await makeSite({ sources: [{ ec2: EC2 }], haproxy: { mode: 'none' } });
  const env = ec2.environment();
  const text = () => readFile(site.configPath, 'utf8').catch(() => '');
  {
    await using daemon = await site.start({ env });
    await waitFor(async () => (await text()).includes('server i-1 10.0.0.1:5432'), {
      what: 'the file',
      timeout: 40_000,
    });
    ec2.instances = [];
    await waitFor(() => daemon.log().some(({ event }) => event === 'keys-held'), {
      what: 'the guard to hold them',
      timeout: 40_000,
    });
    expect(await text()).toMatch(/server i-2 10\.0\.0\.2:5432/);
  }
  ec2.answer = () => ec2Failure(403, 'UnauthorizedOperation', 'You are not authorized.');
  await using daemon = await site.start({ env });
  const source = async () => ((await daemon.status()).sources as Record<string, unknown>[])[0];
  await waitFor(() => daemon.log().some(({ state }) => state === 'stale'), {
    what: 'the cache',
    timeout: 40_000,
  });
  expect(await source()).toMatchObject({ error: expect.stringContaining('UnauthorizedOperation') });
  expect(await daemon.status()).toMatchObject({ counts: { instances: 2 } });
  expect(await text()).toMatch(/server i-1 10\.0\.0\.1:5432/);
});

test('check says which permission EC2 misses', async () => {
  await using ec2 = await startEc2();
  await using site = await makeSite({
    sources: [{ ec2: { ...EC2, endpoint: ec2.url } }],
    haproxy: { mode: 'none' },
  });
  ec2.answer = () => ec2Failure(403, 'UnauthorizedOperation', 'You are not authorized.');
  const before = { ...process.env };
  Object.assign(process.env, ec2.environment());
  try {
    const { code, stdout } = await site.run('check');
    expect(code).toBe(1);
    expect(stdout).toContain(
      'asking ec2 eu-central-1 tag:role=db: UnauthorizedOperation: You are not authorized.',
    );
    expect(stdout).toContain('ec2:DescribeInstances');
  } finally {
    process.env = before;
  }
});
