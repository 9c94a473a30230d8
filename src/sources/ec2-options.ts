/** Where a fact about an instance is found: the same for all of them, or the value of one of its tags. */
export type FixedOrTag<T> = { readonly fixed: T } | { readonly tag: string };

/** Which instances of EC2 are servers, and of what. */
export interface Ec2Options {
  /** @default that of the environment, of the AWS configuration, or of the instance that this runs on */
  readonly region?: string;
  /** As `DescribeInstances` takes them: all of them have to fit, each by one of its values. */
  readonly filters: Readonly<Record<string, readonly string[]>>;
  readonly service: FixedOrTag<string>;
  readonly port: FixedOrTag<number>;
  readonly address: 'private' | 'public' | 'ipv6';
  /** Milliseconds between two questions, give or take a tenth. */
  readonly interval: number;
  /** az, type, image, subnet, vpc, name, launched, and `tag:NAME`. */
  readonly meta: readonly string[];
  /** Where EC2 is asked. @default that of the environment, or of AWS */
  readonly endpoint?: string;
}

/** What an `ec2` source needs beside its settings. */
export interface Ec2SourceOptions extends Ec2Options {
  /** Below which services stand: `/services`. */
  readonly prefix: string;
  /** The place of this source in the settings: `Entry.source`. */
  readonly index: number;
}

/** The name of an `ec2` source for people. */
export function ec2Name({ region, filters }: Pick<Ec2Options, 'region' | 'filters'>): string {
  const asked = Object.entries(filters).map(([name, values]) => `${name}=${values.join(',')}`);
  return ['ec2', ...(region === undefined ? [] : [region]), ...asked].join(' ');
}
