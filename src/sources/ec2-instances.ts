import type { DescribeInstancesCommandOutput, EC2Client, Instance } from '@aws-sdk/client-ec2';
import { SourceError } from '../errors.ts';
import { abortable } from './abortable.ts';
import type { Ec2Instance } from './ec2-entries.ts';
import { ec2Error, notAws } from './ec2-error.ts';
import type { Ec2Options } from './ec2-options.ts';

/** How long an answer may take, and a connection. */
const LIMITS = { connectionTimeout: 3_000, requestTimeout: 15_000, throwOnRequestTimeout: true };
/** How long all pages may take together, credentials included. */
const ALL_PAGES = 60_000;
/** The most that a page may have. */
const PAGE = 1_000;

/**
 * Asks EC2 for the instances that run and fit the filters: all pages, or an error. Credentials come by AWS' own chain.
 *
 * @throws SourceError that says what AWS answered, and what is missing.
 */
export async function listInstances(
  options: Pick<Ec2Options, 'region' | 'filters' | 'endpoint'>,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Ec2Instance>> {
  const { EC2Client, DescribeInstancesCommand } = await abortable(loadSdk(), signal);
  const { region, endpoint } = options;
  const within = AbortSignal.any([signal, AbortSignal.timeout(ALL_PAGES)]);
  // A new one each time: what it has cached of credentials and of the clock may be what is wrong.
  const client: EC2Client = new EC2Client({
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
    requestHandler: LIMITS,
  });
  const found = new Map<string, Ec2Instance>();
  const tokens = new Set<string>();
  try {
    const Filters = [
      ...Object.entries(options.filters).map(([Name, values]) => ({ Name, Values: [...values] })),
      { Name: 'instance-state-name', Values: ['running'] },
    ];
    let token: string | undefined;
    do {
      const request = { Filters, MaxResults: PAGE, ...(token === undefined ? {} : { NextToken: token }) };
      const page = await abortable(
        client.send(new DescribeInstancesCommand(request), { abortSignal: within }),
        within,
      );
      for (const instance of instancesOf(page)) {
        found.set(instance.id, instance);
      }
      token = page.NextToken || undefined;
      if (token !== undefined && tokens.has(token)) {
        throw notAws('it names a page again that was read');
      }
      tokens.add(token ?? '');
    } while (token !== undefined);
    return found;
  } catch (error) {
    signal.throwIfAborted();
    throw ec2Error(error, options);
  } finally {
    client.destroy();
  }
}

/** 40 MB of packages and a second of processor time: only who asks EC2 has them. */
async function loadSdk(): Promise<typeof import('@aws-sdk/client-ec2')> {
  try {
    return await import('@aws-sdk/client-ec2');
  } catch (cause) {
    if (!String(cause).includes('@aws-sdk/client-ec2')) {
      throw cause;
    }
    throw new SourceError('asking EC2: the package @aws-sdk/client-ec2 is not installed', {
      hint: 'npm leaves optional packages out with --omit=optional: install Pointsman without it, or use its image',
      cause,
    });
  }
}

function instancesOf({ Reservations }: DescribeInstancesCommandOutput): Ec2Instance[] {
  // The SDK reads any XML: a page of a proxy would be a region without instances.
  if (Reservations === undefined) {
    throw notAws('there is no list of instances in it');
  }
  return Reservations.flatMap(({ Instances = [] }) => Instances)
    .filter(({ State }) => State?.Name === 'running')
    .map(instanceOf);
}

function instanceOf(one: Instance): Ec2Instance {
  if (one.InstanceId === undefined || !/^[A-Za-z0-9_.:-]{1,128}$/.test(one.InstanceId)) {
    throw notAws('an instance in it has no id');
  }
  const facts = {
    privateIp: one.PrivateIpAddress,
    publicIp: one.PublicIpAddress,
    ipv6:
      one.Ipv6Address ?? one.NetworkInterfaces?.flatMap((card) => card.Ipv6Addresses ?? [])[0]?.Ipv6Address,
    az: one.Placement?.AvailabilityZone,
    type: one.InstanceType,
    image: one.ImageId,
    subnet: one.SubnetId,
    vpc: one.VpcId,
    launched: one.LaunchTime?.getTime(),
  };
  const tags = new Map((one.Tags ?? []).map(({ Key = '', Value = '' }) => [Key, Value]));
  return { id: one.InstanceId, ...given(facts), tags };
}

/** Without what is not there. */
function given<T extends object>(facts: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
