import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';

/** An instance as a test says it; what is left out is as of a fresh one. */
export interface FakeInstance {
  readonly id: string;
  /** @default running */
  readonly state?: 'pending' | 'running' | 'shutting-down' | 'terminated' | 'stopping' | 'stopped';
  readonly privateIp?: string;
  readonly publicIp?: string;
  readonly ipv6?: string;
  /** @default eu-central-1a */
  readonly az?: string;
  /** ISO 8601. @default 2026-01-01T00:00:00.000Z */
  readonly launched?: string;
  readonly tags?: Readonly<Record<string, string>>;
}

/** A question that the stand-in got. */
export interface Ec2Request {
  /** `Action`, `NextToken`, `Filter.1.Name`, … */
  readonly form: URLSearchParams;
  /** Of the credentials that signed it; null where none did. */
  readonly accessKey: string | null;
  readonly sessionToken: string | null;
  /** Of the signature: `eu-central-1`. */
  readonly region: string | null;
  readonly at: number;
}

/** What is answered instead of the list. */
export interface Ec2Answer {
  readonly status: number;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Answers `DescribeInstances` as EC2 does, in its XML, in pages, by its filters, and beside it the metadata of an instance
 * (IMDSv2) with the credentials of a role. Lies and refuses where a test wants that.
 */
export interface FakeEc2 extends AsyncDisposable {
  readonly url: string;
  /** What exists now; to be replaced at will. */
  instances: readonly FakeInstance[];
  /** So many reservations are in a page at most. @default as asked for */
  pageSize: number;
  /** What is answered in place of the truth; null: the truth. */
  answer: ((request: Ec2Request) => Ec2Answer | null) | null;
  /** The role of the instance; null where it has none. @default pointsman */
  role: string | null;
  /** Every question for instances, in order. */
  readonly requests: readonly Ec2Request[];
  /** Every question for metadata: `PUT /latest/api/token`. */
  readonly metadata: readonly string[];
  /** For a process that is to take this for AWS, with keys in the environment; without any, the role's are used. */
  environment(keys?: 'keys' | 'role'): Record<string, string>;
}

/** The keys of `environment('keys')` and of the role. */
export const EC2_KEYS = { keys: 'AKIDOFTHETEST', role: 'ASIAOFTHEROLE' } as const;

const CODES = { pending: 0, running: 16, 'shutting-down': 32, terminated: 48, stopping: 64, stopped: 80 };
const TOKEN = 'token-of-the-metadata';

/** An error as EC2 writes it. */
export function ec2Failure(status: number, code: string, message: string): Ec2Answer {
  return {
    status,
    body: `<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error><Code>${code}</Code><Message>${escaped(message)}</Message></Error></Errors><RequestID>ea966190-f9aa-478e-9ede-example</RequestID></Response>`,
  };
}

/** Starts it on a port of 127.0.0.1: a free one, unless `port` says which. */
export async function startEc2({
  port = 0,
  host = '127.0.0.1',
  instances = [],
}: {
  readonly port?: number;
  readonly host?: string;
  readonly instances?: readonly FakeInstance[];
} = {}): Promise<FakeEc2> {
  const requests: Ec2Request[] = [];
  const metadata: string[] = [];
  const server = createServer((request, response) => {
    void serve(request, response).catch((error: unknown) => response.destroy(error as Error));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const address = server.address();
  const bound = typeof address === 'object' && address ? address.port : port;
  const fake: FakeEc2 = {
    url: `http://${host}:${bound}`,
    instances,
    pageSize: Number.POSITIVE_INFINITY,
    answer: null,
    role: 'pointsman',
    requests,
    metadata,
    environment: (keys = 'keys') => ({
      AWS_ENDPOINT_URL_EC2: fake.url,
      AWS_EC2_METADATA_SERVICE_ENDPOINT: fake.url,
      // What the machine of the tests has of AWS is not to be found.
      AWS_CONFIG_FILE: '/dev/null',
      AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
      ...(keys === 'keys'
        ? { AWS_ACCESS_KEY_ID: EC2_KEYS.keys, AWS_SECRET_ACCESS_KEY: 'secret-of-the-test' }
        : {}),
    }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.url?.startsWith('/latest/')) {
      metadata.push(`${request.method} ${request.url}`);
      const found = describeMetadata(request, fake.role);
      response.writeHead(found.status, { 'content-type': 'text/plain' }).end(found.body);
      return;
    }
    const form = new URLSearchParams(await text(request));
    const asked = askedBy(request, form);
    requests.push(asked);
    const answer = fake.answer?.(asked) ?? truth(fake, asked);
    response.writeHead(answer.status, { 'content-type': 'text/xml;charset=UTF-8', ...answer.headers });
    response.end(answer.body);
  }
  return fake;
}

function askedBy({ headers }: IncomingMessage, form: URLSearchParams): Ec2Request {
  const [, accessKey = null, region = null] =
    /Credential=([^/]+)\/\d+\/([^/]+)\/ec2\/aws4_request/.exec(headers.authorization ?? '') ?? [];
  const sessionToken = headers['x-amz-security-token'];
  return {
    form,
    accessKey,
    sessionToken: typeof sessionToken === 'string' ? sessionToken : null,
    region,
    at: performance.now(),
  };
}

function truth(fake: FakeEc2, { form, accessKey }: Ec2Request): Ec2Answer {
  if (form.get('Action') !== 'DescribeInstances' || form.get('Version') !== '2016-11-15') {
    return ec2Failure(
      400,
      'InvalidAction',
      `The action ${form.get('Action')} is not valid for this web service.`,
    );
  }
  if (accessKey === null || !Object.values<string>(EC2_KEYS).includes(accessKey)) {
    return ec2Failure(401, 'AuthFailure', 'AWS was not able to validate the provided access credentials');
  }
  const filters = filtersOf(form);
  const unknown = filters.find(({ name }) => !/^(tag:.+|tag-key|vpc-id|instance-state-name)$/.test(name));
  if (unknown) {
    return ec2Failure(400, 'InvalidParameterValue', `The filter '${unknown.name}' is invalid`);
  }
  const fitting = fake.instances.filter((one) => filters.every((filter) => fits(one, filter)));
  const size = Math.min(fake.pageSize, Number(form.get('MaxResults') ?? 1000));
  const from = Number(/^page-(\d+)$/.exec(form.get('NextToken') ?? '')?.[1] ?? 0);
  const page = fitting.slice(from, from + size);
  const next = from + size < fitting.length ? `<nextToken>page-${from + size}</nextToken>` : '';
  const set =
    page.length === 0 ? '<reservationSet/>' : `<reservationSet>${page.map(item).join('')}</reservationSet>`;
  return {
    status: 200,
    body: `<?xml version="1.0" encoding="UTF-8"?>\n<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>8f7724cf-496f-496e-8fe3-example</requestId>${set}${next}</DescribeInstancesResponse>`,
  };
}

interface Filter {
  readonly name: string;
  readonly values: readonly string[];
}

function filtersOf(form: URLSearchParams): Filter[] {
  const filters: Filter[] = [];
  for (let at = 1; form.has(`Filter.${at}.Name`); at++) {
    const values = [...form].flatMap(([key, value]) =>
      key.startsWith(`Filter.${at}.Value.`) ? [value] : [],
    );
    filters.push({ name: form.get(`Filter.${at}.Name`) ?? '', values });
  }
  return filters;
}

function fits({ state = 'running', tags = {} }: FakeInstance, { name, values }: Filter): boolean {
  if (name === 'instance-state-name') {
    return values.includes(state);
  }
  if (name === 'tag-key') {
    return values.some((value) => value in tags);
  }
  return name === 'vpc-id' || values.includes(tags[name.slice(4)] ?? '');
}

function item(one: FakeInstance): string {
  const { state = 'running', az = 'eu-central-1a', launched = '2026-01-01T00:00:00.000Z', tags = {} } = one;
  const tagSet = Object.entries(tags).map(
    ([key, value]) => `<item><key>${escaped(key)}</key><value>${escaped(value)}</value></item>`,
  );
  const cards = one.ipv6
    ? `<networkInterfaceSet><item><ipv6AddressesSet><item><ipv6Address>${one.ipv6}</ipv6Address></item></ipv6AddressesSet></item></networkInterfaceSet>`
    : '<networkInterfaceSet/>';
  return [
    `<item><reservationId>r-${one.id}</reservationId><ownerId>123456789012</ownerId><groupSet/><instancesSet><item>`,
    `<instanceId>${one.id}</instanceId><imageId>ami-1</imageId>`,
    `<instanceState><code>${CODES[state]}</code><name>${state}</name></instanceState><privateDnsName/><dnsName/>`,
    one.privateIp ? `<privateIpAddress>${one.privateIp}</privateIpAddress>` : '',
    one.publicIp ? `<ipAddress>${one.publicIp}</ipAddress>` : '',
    `<instanceType>r6g.large</instanceType><launchTime>${launched}</launchTime>`,
    `<placement><availabilityZone>${az}</availabilityZone><tenancy>default</tenancy></placement>`,
    `<subnetId>subnet-1</subnetId><vpcId>vpc-1</vpcId>`,
    tagSet.length > 0 ? `<tagSet>${tagSet.join('')}</tagSet>` : '',
    `${cards}</item></instancesSet></item>`,
  ].join('');
}

/** IMDSv2: whoever has no token is refused. */
function describeMetadata({ method, url, headers }: IncomingMessage, role: string | null): Ec2Answer {
  if (method === 'PUT') {
    return url === '/latest/api/token' ? { status: 200, body: TOKEN } : { status: 404, body: '' };
  }
  if (headers['x-aws-ec2-metadata-token'] !== TOKEN) {
    return { status: 401, body: 'Unauthorized' };
  }
  const path = '/latest/meta-data/iam/security-credentials/';
  if (url === '/latest/meta-data/placement/region') {
    return { status: 200, body: 'eu-central-1' };
  }
  if (role !== null && url === path) {
    return { status: 200, body: role };
  }
  if (role !== null && url === `${path}${role}`) {
    const credentials = {
      Code: 'Success',
      Type: 'AWS-HMAC',
      LastUpdated: '2026-01-01T00:00:00Z',
      AccessKeyId: EC2_KEYS.role,
      SecretAccessKey: 'secret-of-the-role',
      Token: 'session-of-the-role',
      Expiration: new Date(Date.now() + 6 * 3_600_000).toISOString(),
    };
    return { status: 200, body: JSON.stringify(credentials) };
  }
  return { status: 404, body: 'Not Found' };
}

function escaped(value: string): string {
  return value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
