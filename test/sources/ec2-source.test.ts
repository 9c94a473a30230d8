import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Ec2SourceOptions } from '../../src/sources/ec2-options.ts';
import { ec2Source } from '../../src/sources/ec2-source.ts';
import { EC2_KEYS, ec2Failure, type FakeEc2, startEc2 } from '../support/ec2.ts';
import { SourceRecorder } from '../support/source-recorder.ts';

let ec2: FakeEc2;
const DB = { role: 'db' };
const signal = new AbortController().signal;

beforeEach(async () => {
  ec2 = await startEc2();
  use('keys');
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await ec2[Symbol.asyncDispose]();
});

function use(keys: 'keys' | 'role') {
  for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_REGION', 'AWS_PROFILE']) {
    vi.stubEnv(name, undefined);
  }
  for (const [name, value] of Object.entries(ec2.environment(keys))) {
    vi.stubEnv(name, value);
  }
}

function source(more: Partial<Ec2SourceOptions> = {}) {
  return ec2Source({
    region: 'eu-central-1',
    filters: { 'tag:role': ['db'] },
    service: { fixed: 'db' },
    port: { fixed: 5432 },
    address: 'private',
    interval: 50,
    meta: [],
    prefix: '/services',
    index: 1,
    ...more,
  });
}

/** What a source that is asked once says is wrong. */
async function failure(more: Partial<Ec2SourceOptions> = {}): Promise<string> {
  const error: unknown = await source(more)
    .read(signal)
    .catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: 'source' });
  const { message, hint } = error as { readonly message: string; readonly hint?: string };
  return `${message}; ${hint}`;
}

test('instances that run and fit the filters are the keys that etcd would have', async () => {
  ec2.instances = [
    { id: 'i-2', privateIp: '10.0.0.2', tags: DB, launched: '2026-01-01T00:00:02.000Z' },
    { id: 'i-1', privateIp: '10.0.0.1', publicIp: '203.0.113.1', tags: { ...DB, Name: 'first' } },
    { id: 'i-3', privateIp: '10.0.0.3', tags: { role: 'web' } },
    { id: 'i-4', state: 'stopping', privateIp: '10.0.0.4', tags: DB },
    { id: 'i-5', state: 'pending', tags: DB },
  ];
  const launch = BigInt(Date.parse('2026-01-01T00:00:00.000Z') / 1000);
  expect(await source({ meta: ['az', 'name', 'tag:role', 'tag:absent'] }).read(signal)).toEqual([
    {
      key: '/services/db/i-1',
      value: '{"host":"10.0.0.1","port":5432,"meta":{"az":"eu-central-1a","name":"first","role":"db"}}',
      source: 1,
      created: launch,
      modified: launch,
    },
    {
      key: '/services/db/i-2',
      value: '{"host":"10.0.0.2","port":5432,"meta":{"az":"eu-central-1a","role":"db"}}',
      source: 1,
      created: launch + 2n,
      modified: launch + 2n,
    },
  ]);
  expect(ec2.requests).toMatchObject([{ accessKey: EC2_KEYS.keys, region: 'eu-central-1' }]);
});

test('an answer counts only with all its pages', async () => {
  ec2.instances = Array.from({ length: 25 }, (_, at) => ({
    id: `i-${at}`,
    privateIp: `10.0.0.${at + 1}`,
    tags: DB,
  }));
  ec2.pageSize = 10;
  expect(await source().read(signal)).toHaveLength(25);
  expect(ec2.requests.map(({ form }) => form.get('NextToken'))).toEqual([null, 'page-10', 'page-20']);

  ec2.answer = ({ form }) =>
    form.get('NextToken') === 'page-20' ? ec2Failure(403, 'UnauthorizedOperation', 'no') : null;
  expect(await failure()).toContain('UnauthorizedOperation');
});

test('service, port and address come from tags and interfaces, and who lacks them is refused by name alone', async () => {
  ec2.instances = [
    { id: 'i-1', ipv6: 'fd00::1', tags: { ...DB, svc: 'users', port: '5432' } },
    { id: 'i-2', ipv6: 'fd00::2', tags: { ...DB, svc: 'users' } },
    { id: 'i-3', ipv6: 'fd00::3', tags: { ...DB, port: '5432' } },
    { id: 'i-4', ipv6: 'fd00::4', tags: { ...DB, svc: 'users', port: 'five' } },
    { id: 'i-5', privateIp: '10.0.0.5', tags: { ...DB, svc: 'users', port: '5432' } },
  ];
  const entries = await source({
    service: { tag: 'svc' },
    port: { tag: 'port' },
    address: 'ipv6',
  }).read(signal);
  expect(entries.map(({ key, value, refused = '' }) => [key, value || refused])).toEqual([
    ['/services/?/i-3', 'the instance i-3 has no tag "svc" (ec2.service)'],
    ['/services/users/i-1', '{"host":"fd00::1","port":5432}'],
    ['/services/users/i-2', 'the instance i-2 has no tag "port" (ec2.port)'],
    ['/services/users/i-4', 'the instance i-4 has the port "five" (ec2.port), which is none from 1 to 65535'],
    ['/services/users/i-5', 'the instance i-5 has no IPv6 address (ec2.address: ipv6, but others: private)'],
  ]);
});

test('it is asked again at each interval, and what changed is one event', async () => {
  ec2.instances = [
    { id: 'i-1', privateIp: '10.0.0.1', tags: DB },
    { id: 'i-2', privateIp: '10.0.0.2', tags: DB },
  ];
  await using seen = new SourceRecorder(source());
  await seen.until(() => seen.states.includes('live'));
  ec2.instances = [
    { id: 'i-2', privateIp: '10.0.0.2', tags: DB },
    { id: 'i-3', privateIp: '10.0.0.3', tags: DB },
  ];
  await seen.until(() => seen.changes.length > 0);
  expect(Object.keys(seen.values).toSorted()).toEqual(['/services/db/i-2', '/services/db/i-3']);
  expect(seen.changes).toHaveLength(1);
  const asked = ec2.requests.length;
  await vi.waitFor(() => expect(ec2.requests.length).toBeGreaterThan(asked + 2), { timeout: 20_000 });
  expect(seen.snapshots).toHaveLength(1);
  expect(seen.changes).toHaveLength(1);
});

test('an error keeps the last answer, is told once, and heals', async () => {
  ec2.instances = [{ id: 'i-1', privateIp: '10.0.0.1', tags: DB }];
  await using seen = new SourceRecorder(source());
  await seen.until(() => seen.states.includes('live'));
  ec2.answer = () =>
    ec2Failure(403, 'UnauthorizedOperation', 'You are not authorized to perform this operation.');
  await seen.until(() => seen.states.at(-1) === 'stale');
  const asked = ec2.requests.length;
  await vi.waitFor(() => expect(ec2.requests.length).toBeGreaterThan(asked + 2), { timeout: 20_000 });
  expect(Object.keys(seen.values)).toEqual(['/services/db/i-1']);
  expect(seen.states).toEqual(['live', 'stale']);
  ec2.answer = null;
  await seen.until(() => seen.states.at(-1) === 'live');
});

test('while the quota is used up it asks less often with each answer', async () => {
  ec2.answer = () => ec2Failure(503, 'RequestLimitExceeded', 'Request limit exceeded.');
  vi.stubEnv('AWS_MAX_ATTEMPTS', '1');
  await using seen = new SourceRecorder(source({ interval: 200 }));
  await vi.waitFor(() => expect(ec2.requests.length).toBeGreaterThanOrEqual(5), { timeout: 20_000 });
  const pauses = ec2.requests.slice(1).map(({ at }, place) => at - (ec2.requests[place]?.at ?? 0));
  // The least that 200, 400, 800 and 1,600 ms are, less what is up to chance.
  expect(pauses[1]).toBeGreaterThan(300);
  expect(pauses[2]).toBeGreaterThan(600);
  expect(pauses[3]).toBeGreaterThan(1_200);
  expect(seen.events).toMatchObject([{ kind: 'state', state: 'connecting' }]);
});

test('credentials come from the role of the instance by IMDSv2, and the region too', async () => {
  use('role');
  ec2.instances = [{ id: 'i-1', privateIp: '10.0.0.1', tags: DB }];
  const bare = ec2Source({
    filters: { 'tag:role': ['db'] },
    service: { fixed: 'db' },
    port: { fixed: 5432 },
    interval: 50,
    meta: [],
    prefix: '/services',
    index: 0,
    address: 'private',
  });
  expect(await bare.read(signal)).toHaveLength(1);
  expect(ec2.requests).toMatchObject([
    { accessKey: EC2_KEYS.role, sessionToken: 'session-of-the-role', region: 'eu-central-1' },
  ]);
  expect(ec2.metadata).toContain('PUT /latest/api/token');
  expect(ec2.metadata).toContain('GET /latest/meta-data/iam/security-credentials/pointsman');
});

test('a machine without credentials is told so, and what would give it some', async () => {
  use('role');
  ec2.role = null;
  const said = await failure();
  expect(said).toContain('asking ec2 eu-central-1 tag:role=db: CredentialsProviderError');
  expect(said).toContain('give the instance a role');
  expect(ec2.requests).toEqual([]);
});

test.each([
  [
    'UnauthorizedOperation',
    403,
    'You are not authorized to perform this operation.',
    'ec2:DescribeInstances',
  ],
  ['AuthFailure', 401, 'AWS was not able to validate the provided access credentials', 'AWS_ACCESS_KEY_ID'],
  ['RequestExpired', 400, 'Request has expired.', "this machine's clock"],
  ['ExpiredToken', 400, 'The security token included in the request is expired', 'renew them'],
  ['InvalidParameterValue', 400, "The filter 'colour' is invalid", 'ec2.filters'],
])('%s is told in the words of AWS, with what is missing', async (code, status, message, hint) => {
  vi.stubEnv('AWS_MAX_ATTEMPTS', '1');
  ec2.answer = () => ec2Failure(status, code, message);
  const said = await failure();
  expect(said).toContain(`${code}: ${message}`);
  expect(said).toContain(hint);
});

const LIST =
  '<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId>';

test.each([
  [
    'a page of a proxy',
    200,
    '<!DOCTYPE html><html><head><title>Login</title></head><body>portal</body></html>',
  ],
  ['an error page of a proxy', 502, '<html><body>Bad Gateway</body></html>'],
  ['nothing', 200, ''],
  ['another text', 200, 'hello'],
  ['an answer without a list', 200, `${LIST}</DescribeInstancesResponse>`],
  [
    'an answer that breaks off',
    200,
    `${LIST}<reservationSet><item><instancesSet><item><instanceId>i-1</inst`,
  ],
  [
    'an instance without an id',
    200,
    `${LIST}<reservationSet><item><instancesSet><item><instanceState><name>running</name></instanceState></item></instancesSet></item></reservationSet></DescribeInstancesResponse>`,
  ],
])('%s is never a region without instances', async (_, status, body) => {
  vi.stubEnv('AWS_MAX_ATTEMPTS', '1');
  ec2.answer = () => ({ status, body });
  const said = await failure();
  expect(said).toContain("its answer is not EC2's");
  expect(said).toContain('look for a proxy');
});

test('a list that never ends is no list', async () => {
  ec2.answer = () => ({
    status: 200,
    body: `${LIST}<reservationSet/><nextToken>again</nextToken></DescribeInstancesResponse>`,
  });
  expect(await failure()).toContain('names a page again');
});

test('nobody who answers is told with what has to be reached', async () => {
  vi.stubEnv('AWS_MAX_ATTEMPTS', '1');
  const said = await failure({ endpoint: 'http://127.0.0.1:1' });
  expect(said).toContain('ECONNREFUSED');
  expect(said).toContain('has to reach http://127.0.0.1:1');
});
