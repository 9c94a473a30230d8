import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { readContainerLabels } from '../../../src/announce/docker/container-labels.ts';
import type { Binding } from '../../../src/announce/docker/engine-answers.ts';
import { readRegistratorLabels } from '../../../src/announce/docker/registrator-labels.ts';
import { WRITTEN_FIELDS } from '../../../src/announce/docker/wanted-service.ts';
import { theOneNamed } from '../../../src/announce/docker/which-containers.ts';
import { container } from './container.ts';

describe('readContainerLabels()', () => {
  test('one label is enough: the only published port is meant', () => {
    expect(readContainerLabels({ 'pointsman.service': 'web', other: 'x' })).toEqual({
      wanted: [{ service: 'web', port: null }],
      complaints: [],
    });
  });

  test('reads port, weight, tags and the check', () => {
    const { wanted, complaints } = readContainerLabels({
      'pointsman.service': 'web',
      'pointsman.port': '8080',
      'pointsman.weight': '10',
      'pointsman.tags': 'blue, canary,',
      'pointsman.check': '/healthz',
      'pointsman.check.every': '500ms',
      'pointsman.check.rise': '1',
      'pointsman.check.fall': '4',
    });
    expect(complaints).toEqual([]);
    expect(wanted).toEqual([
      {
        service: 'web',
        port: 8080,
        weight: 10,
        tags: ['blue', 'canary'],
        check: { text: '/healthz', from: 'the label pointsman.check', every: 500, rise: 1, fall: 4 },
      },
    ]);
  });

  test('a port of its own has what the container says for all, unless it says it itself', () => {
    const { wanted, complaints } = readContainerLabels({
      'pointsman.service': 'web',
      'pointsman.port': '80',
      'pointsman.weight': '10',
      'pointsman.check': 'tcp',
      'pointsman.9090.service': 'admin',
      'pointsman.9090.weight': '1',
      'pointsman.8443.service': 'api',
    });
    expect(complaints).toEqual([]);
    const check = { text: 'tcp', from: 'the label pointsman.check' };
    expect(wanted).toEqual([
      { service: 'web', port: 80, weight: 10, check },
      { service: 'api', port: 8443, weight: 10, check },
      { service: 'admin', port: 9090, weight: 1, check },
    ]);
  });

  test('what does not fit is left out and complained of; an unknown port is not guessed', () => {
    const { wanted, complaints } = readContainerLabels({
      'pointsman.service': 'web',
      'pointsman.weight': '300',
      'pointsman.tags': 'fine,not fine',
      'pointsman.check': 'tcp',
      'pointsman.check.every': 'often',
      'pointsman.check.rise': '0',
    });
    expect(wanted).toEqual([
      {
        service: 'web',
        port: null,
        tags: ['fine'],
        check: { text: 'tcp', from: 'the label pointsman.check' },
      },
    ]);
    expect(complaints).toEqual([
      'the label pointsman.weight must be a whole number from 0 to 256, found "300"',
      expect.stringContaining('the label pointsman.tags: a tag must be'),
      'the label pointsman.check.every must be a duration such as 500ms or 5s, found "often"',
      'the label pointsman.check.rise must be a whole number from 1 to 1000, found "0"',
    ]);
    const port = readContainerLabels({ 'pointsman.service': 'web', 'pointsman.port': 'http' });
    expect(port).toEqual({
      wanted: [],
      complaints: ['the label pointsman.port must be a whole number from 1 to 65535, found "http"'],
    });
  });

  test('labels that nobody knows are told, with what may be meant', () => {
    expect(
      readContainerLabels({
        'pointsman.servise': 'web',
        'pointsman.8080.port': '1',
        'pointsman.9090.wieght': '1',
        'pointsman.7070.weight': '1',
      }),
    ).toEqual({
      wanted: [],
      complaints: [
        'the label pointsman.8080.port is not known',
        'the label pointsman.9090.wieght is not known; did you mean "weight"?',
        'the label pointsman.servise is not known; did you mean "service"?',
        'the labels pointsman.7070.… need pointsman.7070.service: nothing is announced of it',
      ],
    });
  });

  test('names of objects are labels like others', () => {
    expect(readContainerLabels({ 'pointsman.constructor': 'x', 'pointsman.service': '__proto__' })).toEqual({
      wanted: [{ service: '__proto__', port: null }],
      complaints: ['the label pointsman.constructor is not known'],
    });
  });
});

test('docs/announce.md has each label, and no other', () => {
  const docs = readFileSync(new URL('../../../docs/announce.md', import.meta.url), 'utf8');
  const told = [...docs.matchAll(/`pointsman\.([a-z.]+)=[^`]*`/g)].map(([, field]) => field);
  expect([...new Set(told)].sort()).toEqual([...WRITTEN_FIELDS].sort());
});

describe('readRegistratorLabels()', () => {
  const published = (...ports: number[]): Binding[] =>
    ports.map((port) => ({ container: port, host: port + 30_000, ip: '0.0.0.0' }));

  test('a name for the one published port, with tags; whatever else it says goes to meta', () => {
    const labels = { SERVICE_NAME: 'web', SERVICE_TAGS: 'blue,canary', SERVICE_REGION: 'eu' };
    expect(readRegistratorLabels(container({ labels, bindings: published(80) }))).toEqual({
      wanted: [{ service: 'web', port: 80, tags: ['blue', 'canary'], meta: { region: 'eu' } }],
      complaints: [],
    });
  });

  test('of several ports each is a service of its own: with the port in its name where it has none, and not where it is ignored', () => {
    const labels = { SERVICE_NAME: 'web', SERVICE_9090_NAME: 'admin', SERVICE_7070_IGNORE: '1' };
    const { wanted } = readRegistratorLabels(container({ labels, bindings: published(80, 443, 9090, 7070) }));
    expect(wanted).toEqual([
      { service: 'web-80', port: 80 },
      { service: 'web-443', port: 443 },
      { service: 'admin', port: 9090 },
    ]);
  });

  test('the environment wins over labels, and what has no name is not announced', () => {
    const bindings = published(80);
    const both = container({
      labels: { SERVICE_NAME: 'a' },
      env: { SERVICE_NAME: 'b', PATH: '/' },
      bindings,
    });
    expect(readRegistratorLabels(both).wanted).toEqual([{ service: 'b', port: 80 }]);
    expect(readRegistratorLabels(container({ env: { SERVICE_TAGS: 'x' }, bindings })).wanted).toEqual([]);
  });

  test("an id is the instance's, and Consul's checks are ours", () => {
    const labels = {
      SERVICE_NAME: 'web',
      SERVICE_ID: 'one',
      SERVICE_80_CHECK_HTTP: '/health',
      SERVICE_CHECK_TCP: 'true',
    };
    const from = 'SERVICE_CHECK';
    expect(readRegistratorLabels(container({ labels, bindings: published(80) })).wanted).toEqual([
      { service: 'web', port: 80, instance: 'one', check: { text: '/health', from } },
    ]);
    expect(readRegistratorLabels(container({ labels, bindings: published(81) })).wanted).toEqual([
      { service: 'web', port: 81, instance: 'one', check: { text: 'tcp', from } },
    ]);
  });
});

describe('theOneNamed()', () => {
  test('has the labels of the container where nothing is given, and leaves those of single ports alone', () => {
    const labels = { 'pointsman.service': 'x', 'pointsman.port': '80', 'pointsman.9090.service': 'y' };
    const read = (port: number | null) =>
      theOneNamed('web', { service: 'api', port }).read(container({ labels }));
    expect(read(null)).toEqual({ wanted: [{ service: 'api', port: 80 }], complaints: [] });
    expect(read(8080)).toEqual({ wanted: [{ service: 'api', port: 8080 }], complaints: [] });
  });

  test('a port that does not fit is not guessed, unless another is given', () => {
    const labels = { 'pointsman.port': 'http' };
    const read = (port: number | null) =>
      theOneNamed('web', { service: 'api', port }).read(container({ labels }));
    expect(read(null).wanted).toEqual([]);
    expect(read(null).complaints).toHaveLength(1);
    expect(read(8080)).toEqual({ wanted: [{ service: 'api', port: 8080 }], complaints: [] });
  });
});
