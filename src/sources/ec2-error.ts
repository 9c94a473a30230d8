import { PointsmanError, SourceError } from '../errors.ts';
import { type Ec2Options, ec2Name } from './ec2-options.ts';

/** A `SourceError` of EC2: `throttled` where the account's quota is used up. */
export class Ec2Error extends SourceError {
  readonly kind: 'throttled' | 'other';

  constructor(
    kind: Ec2Error['kind'],
    message: string,
    options: { readonly hint?: string | undefined; readonly cause?: unknown },
  ) {
    super(message, options);
    this.kind = kind;
  }
}

/** What AWS says, by its code, and what to do about it. */
const HINTS: readonly { readonly code: RegExp; readonly hint: string }[] = [
  {
    code: /^(UnauthorizedOperation|AccessDenied(Exception)?)$/,
    hint: 'the role or user of these credentials needs the permission ec2:DescribeInstances on the resource "*" (docs/datastores.md has the policy)',
  },
  {
    code: /^(RequestExpired|RequestTimeTooSkewed|RequestInTheFuture|InvalidSignatureException)$/,
    hint: "AWS takes requests for 5 minutes only: set this machine's clock (timedatectl says whether it is in step)",
  },
  {
    code: /^(ExpiredToken(Exception)?|TokenRefreshRequired)$/,
    hint: 'these credentials were for a while only: renew them, or give the instance a role, which renews them by itself',
  },
  {
    code: /^(AuthFailure|InvalidClientTokenId|UnrecognizedClientException|SignatureDoesNotMatch|MissingAuthenticationToken)$/,
    hint: "AWS does not know these credentials: look at AWS_ACCESS_KEY_ID, the profile or the instance's role, at the clock of this machine, and whether the account has this region",
  },
  {
    code: /^(OptInRequired|PendingVerification|Blocked)$/,
    hint: 'AWS asks something of the account first: see its console',
  },
  {
    code: /^(Invalid(Parameter.*|Filter.*)|MalformedQueryString|UnknownParameter|FilterLimitExceeded)$/,
    hint: 'look at ec2.filters: names are those of DescribeInstances, such as tag:role or vpc-id',
  },
  {
    code: /^(RequestLimitExceeded|Throttling(Exception)?|ThrottledException|TooManyRequestsException|RequestThrottled(Exception)?|EC2ThrottledException|SlowDown|Client\.RequestLimitExceeded)$/,
    hint: "the account's quota of requests is used up: it is asked less often now; many hosts shall not ask each, but read what pointsman sync writes (docs/datastores.md)",
  },
  {
    code: /^(CredentialsProviderError|TokenProviderError)$/,
    hint: 'give the instance a role (and its metadata a hop limit of 2 where this runs in a container with a network of its own), or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile',
  },
];
const THROTTLED = HINTS.find(({ code }) => code.test('RequestLimitExceeded'))?.code;

/** What was thrown while EC2 was asked, made readable. Bugs are thrown on. */
export function ec2Error(
  error: unknown,
  options: Pick<Ec2Options, 'region' | 'filters' | 'endpoint'>,
): Error {
  if (error instanceof PointsmanError) {
    return error;
  }
  if (!(error instanceof Error) || error instanceof TypeError || error instanceof ReferenceError) {
    throw error;
  }
  const code = codeOf(error);
  const kind = THROTTLED?.test(code) ? 'throttled' : 'other';
  const asked = `asking ${ec2Name(options)}`;
  const make = (found: string, hint?: string) =>
    new Ec2Error(kind, `${asked}: ${found}`, { hint, cause: error });
  const known = HINTS.find((one) => one.code.test(code));
  if (known) {
    return make(`${code}: ${oneLine(error.message)}`, known.hint);
  }
  if (/region is missing/i.test(error.message)) {
    return make('no region is known', 'set ec2.region, such as eu-central-1, or AWS_REGION');
  }
  if (error.name === 'TimeoutError' || error.name === 'AbortError') {
    return make('no answer in time', network(options));
  }
  if (/^(E[A-Z]+|CERT_.*|.*_CERT.*)$/.test(code) && code !== 'Error') {
    return make(oneLine(error.message) || code, network(options));
  }
  if (/XML parse error|Deserialization error/.test(error.message)) {
    return make(`its answer is not EC2's: ${oneLine(error.message.split('\n')[0] ?? '')}`, NOT_AWS);
  }
  const status = Reflect.get(Object(Reflect.get(error, '$metadata')), 'httpStatusCode');
  if (code === 'Unknown' || code === 'UnknownError') {
    return make(`its answer is not EC2's: HTTP ${status}, and no words of AWS`, NOT_AWS);
  }
  return make(`${code}: ${oneLine(error.message)}`);
}

const NOT_AWS =
  'what answers there is no EC2: look for a proxy or a login page in between, and at ec2.endpoint and AWS_ENDPOINT_URL_EC2';

/** An answer that can be read and says nothing that EC2 says. */
export function notAws(found: string): SourceError {
  return new SourceError(`asking EC2: its answer is not EC2's: ${found}`, { hint: NOT_AWS });
}

function network({ endpoint, region }: Pick<Ec2Options, 'region' | 'endpoint'>): string {
  const where = endpoint ?? `ec2.${region ?? 'REGION'}.amazonaws.com`;
  return `this machine has to reach ${where} (a NAT gateway, or a VPC endpoint for EC2); is the region's name right?`;
}

function codeOf(error: Error): string {
  const { name } = error;
  const code: unknown = Reflect.get(error, 'code');
  return typeof code === 'string' && name === 'Error' ? code : name;
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}
