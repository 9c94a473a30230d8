import { describe, expect, test } from 'vitest';
import { UsageError } from '../../src/errors.ts';
import { readHosts } from '../../src/units/read-definition.ts';
import { unitsOf } from './units-of.ts';

/** Definitions with an image of Pointsman: `announce:` takes lines 1 and 2, `services:` is line 3. */
const withServices = (lines: string) =>
  `announce:\n  image: registry.example.com/pointsman:0.1.0\nservices:\n${lines}`;
const web = (lines: string) =>
  withServices(`  web:\n    image: web:git-1a2b3c4\n    ports: [8080]\n${lines}`);

async function refusal(text: string, options: Parameters<typeof unitsOf>[1] = {}): Promise<string> {
  try {
    await unitsOf(text, options);
  } catch (error) {
    if (error instanceof UsageError) {
      return `${error.message}${error.hint === undefined ? '' : ` | ${error.hint}`}`;
    }
    throw error;
  }
  return 'it is taken';
}

describe('an image is refused with file and line', () => {
  test.each([
    ['web', 'web has no tag, which means latest: name the tag of one build, such as web:git-1a2b3c4'],
    [
      'web:latest',
      'web:latest is another image tomorrow: name the tag of one build, such as web:git-1a2b3c4',
    ],
    ['registry:5000/web', 'registry:5000/web has no tag, which means latest'],
    ['web:1.2.3', 'web:1.2.3 is no web:git-<7 to 40 hexadecimal digits>'],
    ['web:git-1a2b3', 'web:git-1a2b3 is no web:git-'],
    ['web:git-1a2b3cg', 'web:git-1a2b3cg is no web:git-'],
    [`web:git-${'a'.repeat(41)}`, `web:git-${'a'.repeat(41)} is no web:git-`],
    ['other:git-1a2b3c4', 'other:git-1a2b3c4 is no web:git-'],
    ['"web:git-1a2b3c4; rm -rf /"', '"web:git-1a2b3c4; rm -rf /" is no image'],
    ['"$(id)"', '"$(id)" is no image'],
  ])('%s', async (image, found) => {
    const said = await refusal(withServices(`  web:\n    ports: [8080]\n    image: ${image}\n`));
    expect(said).toContain(`reading the definitions: services.yaml:6: services.web.image: ${found}`);
  });

  test('also with anyImage where it has no tag or is latest, in defaults and in announce', async () => {
    const any = '    anyImage: true\n';
    expect(await refusal(withServices(`  web:\n${any}    image: redis:latest\n`))).toContain(
      'services.yaml:6:',
    );
    expect(await refusal(withServices(`  web:\n${any}    image: redis\n`))).toContain('services.yaml:6:');
    expect(
      await refusal(`defaults:\n${any}  image: redis\nservices:\n  cache: {}\n`.replace('    any', '  any')),
    ).toContain('services.yaml:3: defaults.image: redis has no tag');
    expect(await refusal('announce: { image: pointsman }\nservices: {}\n')).toContain(
      'services.yaml:1: announce.image: pointsman has no tag',
    );
  });

  test('in an environment at the line that says it there', async () => {
    const text = `${web('')}environments:\n  qa1:\n    services:\n      web: { image: "web:latest" }\n`;
    expect(await refusal(text, { environment: 'qa1' })).toContain(
      'services.yaml:10: environments.qa1.services.web.image: web:latest is another image tomorrow',
    );
  });
});

test.each([
  'web:git-1a2b3c4',
  `web:git-${'0123456789'.repeat(4)}`,
  'registry.example.com:5000/team/web:git-1a2b3c4',
  `web:git-1a2b3c4@sha256:${'0f'.repeat(32)}`,
])('the image %s of the service web is taken', async (image) => {
  const files = await unitsOf(withServices(`  web:\n    image: ${image}\n`));
  expect(files['web@1.service']).toContain(`\n  ${image}\n`);
});

test('an image of somebody else is taken with anyImage and a tag or a digest', async () => {
  for (const image of ['redis:7.2.4', `redis@sha256:${'0f'.repeat(32)}`]) {
    expect(await refusal(withServices(`  cache: { image: "${image}", anyImage: true }\n`))).toBe(
      'it is taken',
    );
  }
});

test.each([
  ['    prots: [1]\n', 'services.yaml:7: services.web.prots: no such key; did you mean services.web.ports?'],
  [
    '    instances: many\n',
    'services.yaml:7: services.web.instances: found the text "many"; would fit: a whole number from 0 to 1000, or each',
  ],
  [
    '    memory: 512\n',
    'services.yaml:7: services.web.memory: found the number 512; would fit: an amount such as 512m or 2g',
  ],
  ['    drain: 5\n', 'services.yaml:7: services.web.drain: found the number 5; would fit: a duration'],
  [
    '    spread: rack\n',
    'services.yaml:7: services.web.spread: found the text "rack"; would fit: zone or host',
  ],
  [
    '    volumes: [/srv/web]\n',
    'services.yaml:7: services.web.volumes.0: found the text "/srv/web"; would fit: a list of volumes',
  ],
  ['    volumes: ["/srv/a b:/data"]\n', 'services.web.volumes.0: found the text "/srv/a b:/data"'],
  ['    env: { 9A: x }\n', 'services.yaml:7: services.web.env'],
  ['    env: { A: "x\\ny" }\n', 'services.yaml:7: services.web.env'],
  [`    env: { A: "\${domian}" }\n`, `services.yaml:7: services.web.env.A: \${domian} is none of`],
  [
    `    env: { A: "\${domain}" }\n`,
    `services.web.env.A: \${domain} has no value here: the environment has no domain`,
  ],
  [
    '    needs: [db]\n',
    'services.yaml:7: services.web.needs: db is neither a service of this file nor a unit; there are: web',
  ],
  [
    '    needs: [web]\n',
    'services.yaml:7: services.web.needs: web needs web: systemd would start none of them',
  ],
  [
    '    presence: exec\n',
    'services.yaml:7: services.web.presence: web is a child of pointsman on the host: give announce.program',
  ],
  ['    presence: labels\n    drain: 10s\n', 'services.web: is not over drain'],
  ['    restart: { most: 3 }\n', 'services.yaml:7: services.web.restart: most and within belong together'],
  ['    image: web:git-1a2b3c5\n', 'services.yaml:7: no YAML: Map keys must be unique'],
])('%j of a service is refused: %s', async (lines, found) => {
  expect(await refusal(web(lines))).toContain(found);
});

test('what is missing, and names that nothing can bear, are refused with the line', async () => {
  expect(await refusal('a: [\n')).toContain('services.yaml:2: no YAML');
  expect(await refusal('- web\n')).toContain(
    'services.yaml:1: found no keys; would fit: a map with services:',
  );
  expect(await refusal('announce: {}\n')).toContain('services: is missing');
  expect(await refusal(withServices('  web: {}\n'))).toContain(
    'services.yaml:4: services.web: has no image; would fit: image: web:git-1a2b3c4',
  );
  expect(await refusal(withServices('  web-presence: { image: "web-presence:git-1a2b3c4" }\n'))).toContain(
    'services.yaml:4: services.web-presence: is no name of a service',
  );
  expect(await refusal('services:\n  web: { image: "web:git-1a2b3c4", ports: [80] }\n')).toContain(
    'services.yaml:2: services.web: web has a partner of its own: give announce.image or announce.program',
  );
  expect(await refusal(`${web('')}environments: { QA-1: {} }\n`, { environment: 'QA-1' })).toContain(
    'services.yaml:7: environments.QA-1: is no name of an environment',
  );
});

test('all that does not fit is told at once', async () => {
  const said = await refusal(withServices('  a: { image: a }\n  b: { image: "b:latest" }\n'));
  expect(said).toContain('2 things do not fit\n  services.yaml:4: services.a.image:');
  expect(said).toContain('\n  services.yaml:5: services.b.image:');
});

test('an environment has to be named where there are some, and to be there', async () => {
  const text = `${web('')}environments: { qa1: {}, qa2: {} }\n`;
  expect(await refusal(text)).toContain(
    'the definitions have environments, and none is named | Name one with --environment',
  );
  expect(await refusal(text, { environment: 'qa3' })).toContain(
    'there is no such environment | did you mean',
  );
  expect(await refusal(web(''), { environment: 'qa3' })).toContain('the definitions have none');
  expect(
    await refusal(`${text.replace('qa1: {}', 'qa1: { counts: { wbe: 1 } }')}`, { environment: 'qa1' }),
  ).toContain('services.yaml:7: environments.qa1.counts.wbe: there is no such service; did you mean "web"?');
});

test('spread and role are refused where no hosts are named', async () => {
  for (const format of ['systemd', 'butane'] as const) {
    expect(await refusal(web('    spread: host\n'), { format })).toContain(
      'placing web: it says spread: host, and no hosts are named | Name them with --hosts FILE',
    );
    expect(await refusal(web('    role: web\n'), { format })).toContain('placing web: it says role: web');
  }
  expect(await refusal(web('    spread: host\n'), { format: 'fleet' })).toBe('it is taken');
  expect(await refusal(web('    spread: zone\n'), { format: 'fleet' })).toContain(
    'placing web: it says spread: zone, which fleet does not know, and no hosts are named',
  );
});

test('what cannot be placed is refused with what is missing', async () => {
  const hosts = 'hosts:\n  a: { zone: x }\n  b:\n';
  expect(await refusal(web('    spread: zone\n'), { hosts })).toContain(
    'placing web: it is to be spread over zones, and the host b has none',
  );
  expect(await refusal(web('    instances: 3\n    spread: host\n'), { hosts })).toContain(
    'placing web: 3 instances on hosts of their own take as many hosts, and there are 2',
  );
  expect(await refusal(web('    role: db\n'), { hosts })).toContain(
    'placing web: there is no host for it (with the role db)',
  );
  expect(
    await refusal(`${web('')}environments: { qa1: { hosts: [c] } }\n`, { hosts, environment: 'qa1' }),
  ).toContain('placing the services: c, a host of qa1, is not among the hosts');
});

test('a file of hosts is refused with the line', () => {
  expect(() => readHosts('hosts.yaml', 'hosts:\n  a:\n  ../b: {}\n')).toThrow(
    'reading the hosts: hosts.yaml:3: "../b" is no name of a host',
  );
  expect(() => readHosts('hosts.yaml', 'hosts:\n  a: { zoen: x }\n')).toThrow(
    'hosts.yaml:2: hosts.a.zoen: no such key; did you mean hosts.a.zone?',
  );
});
