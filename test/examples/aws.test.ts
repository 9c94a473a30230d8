import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { RegoEngine, TemplateFile } from '@aws/cloudformation-validate';
import { execa } from 'execa';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { type CollectionTag, Pair, parse, type ScalarTag, YAMLMap, type YAMLSeq } from 'yaml';
import { loadSettings } from '../../src/settings/load-settings.ts';
import { renderTree } from '../golden/render-case.ts';
import { tempFolder } from '../support/haproxy.ts';

const TEMPLATE = fileURLToPath(new URL('../../examples/aws/template.yaml', import.meta.url));
const text = await readFile(TEMPLATE, 'utf8');

// The linter reads the schemas of all of AWS' resources.
vi.setConfig({ testTimeout: 120_000 });

const engine = new RegoEngine();
afterAll(() => engine.free());

/** What AWS' linter has against a template, but remarks. */
function complaints(file: string): string[] {
  const { status, diagnostics } = engine.validateStandard(new TemplateFile(file), { severityLevel: 'WARN' });
  expect(status).toBe('OK');
  return diagnostics.map(({ ruleId, startLine, message }) => `${startLine}: ${ruleId} ${message}`);
}

test("AWS' linter has nothing against the template", () => {
  expect(complaints(TEMPLATE)).toEqual([]);
});

test.each([
  ['a reference to nothing', '!Ref HostGroup', '!Ref NoGroup'],
  ['an attribute that there is not', 'HostProfile.Arn', 'HostProfile.Name'],
  ['a condition that there is not', 'Condition: WithAlb', 'Condition: WithElb'],
  ['a placeholder of nothing', '{Domain}', '{Domian}'],
  ['a dependency on nothing', '[EtcdA, EtcdB, EtcdC]', '[EtcdA, EtcdB, EtcdD]'],
  ['a property that there is not', 'HealthCheckPath:', 'HealthPath:'],
])('it does complain of %s', async (_, right, wrong) => {
  await using folder = await tempFolder();
  const file = path.join(folder.path, 'template.yaml');
  expect(text).toContain(right);
  await writeFile(file, text.replace(right, wrong));
  expect(complaints(file)).not.toEqual([]);
});

describe.each(['alb', 'nlb'] as const)('with the %s', (balancer) => {
  const { Resources } = stack(balancer);
  const properties = (name: string) => Resources[name]?.Properties ?? {};

  test('the settings of the hosts are valid and name what the stack has: etcd, and datastores by their tags', async () => {
    const settings = await hostSettings(properties('HostTemplate'));
    const [etcd, ec2] = settings.sources as unknown as Record<string, unknown>[];
    expect(etcd?.endpoints).toEqual(
      ['A', 'B', 'C'].map((one) => `http://EtcdAddress${one}.PrimaryPrivateIpAddress:2379`),
    );
    const tags = tagsOf(properties('DatastoreA'));
    expect(tagsOf(properties('DatastoreB'))).toEqual({ ...tags, Name: expect.anything() });
    const filters: Record<string, unknown> = Object(ec2?.filters);
    expect(Object.keys(filters).sort()).toEqual(['tag:role', 'tag:stack']);
    for (const [name, value] of Object.entries(filters)) {
      expect([value].flat()).toEqual([tags[name.slice(4)]]);
    }
    expect([tags.service, tags.port]).toEqual(['db', '5432']);
    expect(settings.haproxy.mode).toBe('master-socket');
  });

  test('the balancer asks for the health of HAProxy where HAProxy answers it, and both agree on the PROXY protocol', async () => {
    const settings = await hostSettings(properties('HostTemplate'));
    await using folder = await tempFolder();
    const file = path.join(folder.path, 'haproxy.cfg');
    const rendered = await renderTree(
      '{}',
      JSON.stringify({ haproxy: { mode: 'master-socket' }, vars: settings.vars }),
    );
    await writeFile(file, rendered.text);
    await execa('haproxy', ['-c', '-dW', '-f', file]);
    const target = properties(balancer === 'alb' ? 'AlbTargets' : 'NlbTargets');
    expect(rendered.text).toContain(`monitor-uri ${target.HealthCheckPath}\n`);
    const binds = [...rendered.text.matchAll(/^ +bind :(\d+)( accept-proxy)?$/gm)].map(([, port, proxy]) => [
      port,
      Boolean(proxy),
    ]);
    const attributes = JSON.stringify(target.TargetGroupAttributes);
    expect(attributes.includes('proxy_protocol_v2.enabled')).toBe(balancer === 'nlb');
    expect(binds).toEqual(
      balancer === 'alb'
        ? [['80', false]]
        : [
            ['80', true],
            ['81', false],
          ],
    );
    expect(String(target.HealthCheckPort ?? target.Port)).toBe(binds.at(-1)?.[0]);
  });
});

test('the user data of etcd is Ignition whose unit names all three members, with what systemd has to fill in', () => {
  const { Resources } = stack('alb');
  const { systemd } = userData(Resources.EtcdTemplate?.Properties ?? {});
  const unit = systemd?.units.find(({ name }) => name === 'etcd-member.service')?.contents;
  const member = (one: string) => `EtcdAddress${one}.PrimaryPrivateIpAddress`;
  expect(unit).toContain(
    `--initial-cluster=${['A', 'B', 'C'].map((one) => `${member(one)}=http://${member(one)}:2380`).join()}`,
  );
  expect(unit).toMatch(/--name=\$\{COREOS_EC2_IPV4_LOCAL\}/);
  expect(unit).toMatch(/^EnvironmentFile=\/run\/metadata\/flatcar$/m);
});

test('the role of the hosts may describe instances and nothing else', () => {
  const { Policies } = stack('alb').Resources.HostRole?.Properties ?? {};
  expect(Policies?.[0]?.PolicyDocument.Statement).toEqual([
    { Effect: 'Allow', Action: 'ec2:DescribeInstances', Resource: '*' },
  ]);
});

/** What the tests look at of a resource. */
interface Properties {
  readonly LaunchTemplateData?: { readonly UserData: string };
  readonly Tags?: readonly { readonly Key: string; readonly Value: string }[];
  readonly HealthCheckPath?: string;
  readonly HealthCheckPort?: string;
  readonly Port?: number;
  readonly TargetGroupAttributes?: unknown;
  readonly Policies?: readonly { readonly PolicyDocument: { readonly Statement: unknown } }[];
}

interface Stack {
  readonly Resources: Readonly<Record<string, { readonly Properties: Properties } | undefined>>;
}

interface Ignition {
  readonly ignition: {
    readonly version: string;
    readonly config?: { readonly merge: readonly { readonly source: string }[] };
  };
  readonly storage?: {
    readonly files: readonly { readonly path: string; readonly contents: { readonly source: string } }[];
  };
  readonly systemd?: { readonly units: readonly { readonly name: string; readonly contents?: string }[] };
}

/** The template with its functions worked out; of what only AWS knows, its name stands there. */
function stack(balancer: string): Stack {
  const read = parse(text, { customTags: functions() });
  const parameters: Record<string, unknown> = {
    Balancer: balancer,
    'AWS::Region': 'eu-central-1',
    'AWS::StackName': 'shop',
  };
  for (const [name, { Default }] of Object.entries<{ Default?: unknown }>(read.Parameters)) {
    parameters[name] ??= Default ?? name;
  }
  const known = (name: string): unknown => parameters[name] ?? name;
  const work = (node: unknown): unknown => {
    if (Array.isArray(node)) {
      return node.map(work);
    }
    if (typeof node !== 'object' || node === null) {
      return node;
    }
    const [[name, given] = ['', null], ...more] = Object.entries(node);
    const words = [given].flat();
    switch (more.length > 0 ? '' : name) {
      case 'Ref':
        return known(given);
      case 'Fn::GetAtt':
        return words.join('.');
      case 'Fn::Base64':
        return Buffer.from(String(work(given))).toString('base64');
      case 'Fn::If':
        return work((words[0] === 'WithNlb') === (balancer === 'nlb') ? words[1] : words[2]);
      case 'Fn::Sub': {
        const [template, values = {}] = words;
        return String(template).replace(/\$\{(!?)([^}]+)\}/g, (_, literal: string, key: string) =>
          literal === '' ? String(key in values ? work(values[key]) : known(key)) : `\${${key}}`,
        );
      }
      default:
        return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, work(value)]));
    }
  };
  return { Resources: work(read.Resources) as Stack['Resources'] };
}

/** `!Name x` as `{ "Fn::Name": x }`. */
function functions(): (ScalarTag | CollectionTag)[] {
  return ['Ref', 'Condition', 'GetAtt', 'Sub', 'If', 'Equals', 'Not', 'Select'].flatMap((name) => {
    const long = name === 'Ref' || name === 'Condition' ? name : `Fn::${name}`;
    const scalar: ScalarTag = { tag: `!${name}`, resolve: (value) => ({ [long]: value }) };
    const list: CollectionTag = {
      tag: `!${name}`,
      collection: 'seq',
      resolve(value) {
        const map = new YAMLMap();
        map.add(new Pair(long, value as YAMLSeq));
        return map;
      },
    };
    return [scalar, list];
  });
}
function userData(template: Properties): Ignition {
  const data = Buffer.from(template.LaunchTemplateData?.UserData ?? '', 'base64').toString();
  expect(data.length).toBeLessThan(16_384);
  const read: Ignition = JSON.parse(data);
  expect(read.ignition.version).toBe('3.4.0');
  return read;
}
async function hostSettings(template: Properties) {
  // Ignition merges them in this order: what is said again takes the place of what was.
  const [host, own, ...more] = userData(template).ignition.config?.merge ?? [];
  expect([host, more]).toEqual([{ source: 'HostIgnition', verification: { hash: 'HostIgnitionHash' } }, []]);
  const { storage }: Ignition = JSON.parse(decoded(own?.source));
  const [file, ...others] = storage?.files ?? [];
  expect([file?.path, others]).toEqual(['/etc/pointsman/pointsman.yaml', []]);
  await using folder = await tempFolder();
  const configPath = path.join(folder.path, 'pointsman.yaml');
  await writeFile(configPath, decoded(file?.contents.source));
  return await loadSettings({ configPath, env: {}, cwd: folder.path });
}

function tagsOf({ Tags = [] }: Properties): Record<string, string> {
  return Object.fromEntries(Tags.map(({ Key, Value }) => [Key, Value]));
}

/** What a data URL holds. */
function decoded(url = ''): string {
  expect(url).toMatch(/^data:;base64,/);
  return Buffer.from(url.replace('data:;base64,', ''), 'base64').toString();
}
