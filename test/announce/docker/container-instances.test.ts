import { describe, expect, test } from 'vitest';
import { containerInstances, imageVersion } from '../../../src/announce/docker/container-instances.ts';
import type { Binding } from '../../../src/announce/docker/engine-answers.ts';
import { publishedPort } from '../../../src/announce/docker/published-port.ts';
import { container } from './container.ts';

const AT = { host: '192.0.2.7', family: 'ipv4' } as const;
const HOST = { address: AT, name: 'node-1', machine: 'm1' };

function bound(inside: number, host: number, ip = '0.0.0.0'): Binding {
  return { container: inside, host, ip };
}

describe('publishedPort()', () => {
  const find = (
    bindings: readonly Binding[],
    port: number | null = null,
    at: Parameters<typeof publishedPort>[1]['at'] = AT,
  ) => publishedPort(container({ bindings }), { port, others: new Set(), at });
  const both = [bound(8080, 49_153, '::'), bound(8080, 49_152)];

  test('is that of the family which is announced, where the two differ', () => {
    expect(find(both)).toEqual({ kind: 'found', inside: 8080, port: 49_152 });
    expect(find(both, 8080, { host: '2001:db8::7', family: 'ipv6' })).toEqual({
      kind: 'found',
      inside: 8080,
      port: 49_153,
    });
    expect(find(both, null, { host: 'node-1.example.com', family: 'name' })).toMatchObject({ port: 49_152 });
  });

  test('is that at the announced address itself before that at all of them, else the smallest', () => {
    expect(find([bound(80, 8000), bound(80, 9000, '192.0.2.7')])).toMatchObject({ port: 9000 });
    expect(find([bound(80, 9000), bound(80, 8000)])).toMatchObject({ port: 8000 });
    expect(find([bound(80, 8000, '')])).toMatchObject({ port: 8000 });
  });

  test('at loopback alone is refused with a reason, also beside one that is not', () => {
    expect(find([bound(8080, 8080, '127.0.0.1')])).toEqual({
      kind: 'refused',
      reason:
        'port 8080 is published at 127.0.0.1 alone, which no other host reaches: publish it without an address (-p 8080)',
    });
    expect(find([bound(8080, 8080), bound(9090, 9090, '127.0.0.1')])).toMatchObject({ inside: 8080 });
    expect(find([bound(8080, 8080, '127.0.0.1')], 8080, { host: '127.0.0.1', family: 'ipv4' })).toMatchObject(
      {
        port: 8080,
      },
    );
  });

  test('at another address or family alone is refused with what to do', () => {
    expect(find([bound(80, 8000, '10.0.0.5')])).toMatchObject({
      reason:
        'port 80 is published at 10.0.0.5 alone, and IPv4 192.0.2.7 is announced: publish it without an address, or give --host 10.0.0.5',
    });
    expect(find([bound(80, 8000, '::')])).toMatchObject({
      reason: 'port 80 is published at :: alone, and IPv4 192.0.2.7 is announced: publish it for that, too',
    });
  });

  test('is not guessed among several, and not found where it is not published', () => {
    const some = [bound(80, 1), bound(443, 2)];
    expect(find(some)).toMatchObject({
      reason: expect.stringContaining('publishes the ports 80, 443: say which'),
    });
    expect(find(some, 443)).toMatchObject({ port: 2 });
    expect(find(some, 8080)).toMatchObject({
      reason: 'it does not publish port 8080: start it with -p 8080 (it publishes 80, 443)',
    });
    expect(find([])).toMatchObject({ reason: 'it publishes no port: start it with -p or -P' });
    const others = new Set([443]);
    expect(publishedPort(container({ bindings: some }), { port: null, others, at: AT })).toMatchObject({
      inside: 80,
    });
  });

  test("on the host's network it has to be given; of another container's network nothing is known without that", () => {
    const host = container({ network: { kind: 'host' } });
    const others = new Set<number>();
    expect(publishedPort(host, { port: 8080, others, at: AT })).toEqual({
      kind: 'found',
      inside: 8080,
      port: 8080,
    });
    expect(publishedPort(host, { port: null, others, at: AT })).toMatchObject({
      reason: expect.stringContaining("on the host's network"),
    });
    const other = container({ network: { kind: 'of', container: 'pod' } });
    expect(publishedPort(other, { port: 8080, others, at: AT })).toMatchObject({
      reason: 'it has the network of the container pod, which is not there',
    });
  });
});

describe('containerInstances()', () => {
  test('one service by one container, with where it is and whose it is', () => {
    const wanted = [
      { service: 'web', port: null, weight: 10, tags: ['blue'], meta: { region: 'eu', owner: 'x' } },
    ];
    const web = container({ bindings: [bound(8080, 49_152)] });
    expect(containerInstances(web, { wanted, complaints: [] }, HOST)).toEqual({
      instances: [
        {
          registration: {
            service: 'web',
            instance: 'node-1:web:8080',
            address: '192.0.2.7',
            port: 49_152,
            weight: 10,
            tags: ['blue'],
            meta: {
              region: 'eu',
              version: 'git-1a2b3c4',
              started: '2026-01-02T03:04:05.6Z',
              host: 'node-1',
              owner: 'm1/web',
            },
          },
          check: null,
        },
      ],
      complaints: [],
    });
  });

  test('the port without a name is the one that no other service of the container has', () => {
    const wanted = [
      { service: 'web', port: null },
      { service: 'admin', port: 9090 },
    ];
    const web = container({ bindings: [bound(9090, 2), bound(8080, 1)] });
    const { instances } = containerInstances(web, { wanted, complaints: [] }, HOST);
    expect(instances.map(({ registration: { service, port } }) => [service, port])).toEqual([
      ['web', 1],
      ['admin', 2],
    ]);
  });

  test('what is not announced is said with the service, and the rest goes on', () => {
    const wanted = [
      { service: 'no good/name', port: 80 },
      { service: 'web', port: 8080 },
      { service: 'api', port: 80 },
      { service: 'api', port: 80 },
      { service: 'long', port: 80, instance: 'x'.repeat(129) },
    ];
    const web = container({ bindings: [bound(80, 1)] });
    const { instances, complaints } = containerInstances(web, { wanted, complaints: ['before'] }, HOST);
    expect(instances.map(({ registration }) => registration.service)).toEqual(['api']);
    expect(complaints).toEqual([
      'before',
      expect.stringMatching(/^not announced as no good\/name: /),
      'not announced as web: it does not publish port 8080: start it with -p 8080 (it publishes 80)',
      'two services ask for the key api/node-1:web:80: the first has it',
      expect.stringMatching(/^not announced as long: the instance id must be/),
    ]);
  });
});

test('imageVersion() is the tag, or the beginning of the digest', () => {
  const digest = `sha256:${'0123456789abcdef'.repeat(4)}`;
  expect(
    [
      'web:git-1a2b3c4',
      'registry.example.com:5000/team/web:1.2',
      'registry.example.com:5000/team/web',
      `web:1.2@${digest}`,
      `web@${digest}`,
      digest,
    ].map(imageVersion),
  ).toEqual(['git-1a2b3c4', '1.2', 'latest', '1.2', '0123456789ab', '0123456789ab']);
});
