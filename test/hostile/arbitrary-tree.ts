import fc from 'fast-check';
import type { Entry } from '../../src/model/entry.ts';
import { BALANCE, TIMEOUTS } from '../../src/model/service.ts';
import { entry } from '../support/catalog.ts';

/** Texts that mean something to somebody on the way: HAProxy, nunjucks, YAML, JSON, terminals, JavaScript. */
export const HOSTILE: readonly string[] = [
  ...['a b', 'a\nserver x 1.2.3.4:5', 'a\r\nbackend x', 'a\rb', '\u0000', 'a\u0000b', 'a\u0085b', 'a\u2028b'],
  ...['a#', '# a', "a'b", "'", 'a"b', '"', 'a\\', '\\', '\\\n', 'a\\ b', 'a\tb', '\u000b', '\u001b[2J'],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: HAProxy's own syntax
  ...['${HOME}', '"${HOME}"', '$HOME', '%[src]', '%[env(HOME)]', '.if 1', '.endif', '.notice x', 'EOF', '<<'],
  ...['{{ 7*7 }}', '{% raw %}', '{#', '{{ vars }}', '{% include "/etc/passwd" %}', '`id`', '$(id)', ';', '|'],
  ...['__proto__', 'constructor', 'prototype', 'hasOwnProperty', 'toString', 'valueOf', '[object Object]'],
  ...[
    'ü',
    'ﬀ',
    'İ',
    'ı',
    '１２７.0.0.1',
    '127。0。0。1',
    'а',
    '\u202egnp',
    '\ufeff',
    '\u200b',
    '\ud800',
    '💥',
    'e\u0301',
  ],
  ...[
    '0.0.0.0',
    '::',
    '::ffff:0.0.0.0',
    '0x7f.1',
    '127.1',
    '00',
    'localhost.',
    '..',
    '../x',
    '-m',
    '--',
    'TRUE',
  ],
  ...[
    'unix@/tmp/x',
    'fd@3',
    'abns@x',
    'ipv4@1.2.3.4',
    'check',
    'be_x',
    '*',
    '*:80',
    'default_backend',
    '#1',
    ':',
    '',
  ],
];

const SERVICE = [...'abzAZ019_.-'];
const hostile = fc.constantFrom(...HOSTILE);
/** Mostly what fits, now and then what does not. */
const mostly = <T>(good: fc.Arbitrary<T>, bad: fc.Arbitrary<T> = hostile as fc.Arbitrary<T>, weight = 12) =>
  fc.oneof({ weight, arbitrary: good }, { weight: 1, arbitrary: bad });
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const chars = (characters: readonly string[], maxLength: number) =>
  fc.array(fc.constantFrom(...characters), { minLength: 1, maxLength }).map((all) => all.join(''));
const number = (min: number, max: number) =>
  mostly<unknown>(fc.integer({ min, max }), fc.constantFrom(min - 1, max + 1, 1e300, 0.5, '1e3', [], null));

const name = mostly(
  fc.oneof(
    chars(SERVICE, 64),
    fc.stringMatching(/^[A-Za-z0-9_.-]{1,12}$/),
    fc.constantFrom(
      'constructor',
      '__proto__',
      'http',
      'stats',
      'not_found',
      '-m',
      '..',
      'TRUE',
      'x'.repeat(64),
    ),
  ),
);
const id = mostly(
  fc.oneof(
    chars([...SERVICE, ':'], 128),
    fc.stringMatching(/^[A-Za-z0-9_.:-]{1,12}$/),
    fc.constantFrom('__proto__', 'check', ':'),
  ),
);
const host = mostly(
  fc.oneof(
    fc.constantFrom('10.0.0.1', '::ffff:1.2.3.4'),
    fc.ipV4(),
    fc.ipV6(),
    fc.domain(),
    fc.stringMatching(/^[a-z0-9_-]{1,8}$/),
  ),
  fc.oneof(hostile, fc.string({ unit: 'binary', maxLength: 12 })),
);
const meta = fc.oneof(fc.object({ maxDepth: 2 }), fc.dictionary(hostile, hostile, { maxKeys: 3 }));
const json = (value: unknown) => JSON.stringify(value);
const plain = fc
  .tuple(host, fc.integer({ min: 0, max: 65_536 }))
  .map(([h, p]) => (h.includes(':') ? `[${h}]:${p}` : `${h}:${p}`));
const instance = fc.record(
  {
    host,
    port: number(1, 65_535),
    weight: maybe(number(0, 256)),
    maxconn: maybe(number(1, 2 ** 31 - 1)),
    backup: maybe(fc.boolean()),
    drain: maybe(fc.boolean()),
    tags: fc.array(id, { maxLength: 2 }),
    meta,
  },
  { requiredKeys: ['host', 'port'] },
);
/** Valid text with something hostile in its middle or around it. */
const spoiled = fc
  .tuple(fc.oneof(plain, instance.map(json)), hostile, fc.nat(20))
  .map(([text, bad, at]) => text.slice(0, at) + bad + text.slice(at));
const raw = fc.oneof(hostile, spoiled, fc.string({ unit: 'binary', maxLength: 40 }), fc.json());

const routeHost = mostly(
  fc.oneof(
    fc.constantFrom('web', '*.example.com', 'shop.example.com', 'SHOP.Example.com.'),
    fc.domain(),
    fc.domain().map((domain) => `*.${domain}`),
  ),
  fc.oneof(fc.constantFrom('{ x }', '*'), name, hostile),
  30,
);
const routePath = mostly(
  fc.oneof(
    fc.constantFrom('/', '/api', '/api/', '/api/v1/', '/a=b&c!*:@%20', '/-m', '/api/v1/x.y~z'),
    fc.webPath().map((path) => path || '/'),
  ),
  fc.oneof(fc.constantFrom('/{x}', 'x', '/#', '//', '/{'), hostile),
);
const duration = mostly<unknown>(
  fc.constantFrom('1', '1s', '500ms', '24d', '5m', '2m', '1000us', 250),
  fc.constantFrom('0', '1w', '25d', '1us', '999999999h', 'soon', '1s inter 1', '1s\n', []),
);
const check = fc.record(
  {
    path: mostly(fc.constantFrom('/healthz', '/a?b=c', '/%41'), fc.oneof(fc.constant('/ x'), hostile)),
    interval: duration,
    rise: number(1, 255),
    fall: number(1, 255),
    status: mostly<unknown>(
      fc.constantFrom(200, '200', '200-399', '200,204'),
      fc.constantFrom('2xx', '399-200', '200 x', '200,'.repeat(40)),
    ),
  },
  { requiredKeys: [] },
);
const route = fc.record(
  {
    mode: mostly<unknown>(fc.constantFrom('http', 'tcp'), fc.constantFrom('udp', null, 'http\n')),
    hosts: fc.oneof(fc.array(routeHost, { maxLength: 3 }), fc.array(routeHost, { maxLength: 70 })),
    paths: fc.array(routePath, { maxLength: 4 }),
    port: fc.oneof(number(1, 65_535), fc.integer({ min: 1024, max: 1030 })),
    expose: fc.boolean(),
    balance: mostly<unknown>(fc.constantFrom(...BALANCE), fc.constantFrom('rdp', 'uri\n', {})),
    check,
    timeouts: fc.dictionary(mostly(fc.constantFrom<string>(...TIMEOUTS), hostile, 30), duration, {
      maxKeys: 4,
    }),
    meta,
  },
  { requiredKeys: [] },
);

const instanceKey = fc.tuple(name, id).map(([service, instanceId]) => `/services/${service}/${instanceId}`);
const pair = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.tuple(
      instanceKey,
      fc.oneof(
        { weight: 3, arbitrary: plain },
        { weight: 4, arbitrary: instance.map(json) },
        { weight: 2, arbitrary: raw },
      ),
    ),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(
      name.map((service) => `/routes/${service}`),
      fc.oneof({ weight: 6, arbitrary: route.map(json) }, { weight: 1, arbitrary: raw }),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(
      fc.oneof(hostile, name).map((key) => `/haproxy/${key}`),
      raw,
    ),
  },
);

/** Keys and values as anybody with write access may put them: mostly good, often odd, sometimes evil. */
export const arbitraryTree: fc.Arbitrary<Entry[]> = fc
  .uniqueArray(pair, { maxLength: 30, selector: ([key]) => key })
  .map((pairs) => pairs.map(([key, value], at) => entry(key, value, at + 1)));

/** The `vars` that decide what the packaged template makes of them. */
export const arbitraryVars = fc.record(
  {
    defaultRoutes: fc.constantFrom('domain', 'any', 'none'),
    domain: fc.constantFrom('example.com', 'com'),
    balance: fc.constantFrom(...BALANCE),
    nameservers: fc.constant(['127.0.0.1:53']),
  },
  { requiredKeys: ['defaultRoutes', 'nameservers'] },
);
