import { expect, test } from 'vitest';
import { boundPorts, portsOf } from '../../src/plan/bound-ports.ts';

const shown = (of: readonly { readonly first: number; readonly last: number }[]) =>
  of.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`));

test.each([
  [':80', ['80']],
  ['*:80', ['80']],
  ['127.0.0.1:80,[::1]:81', ['80', '81']],
  ['10.0.0.1:8000-8010', ['8000-8010']],
  [':80,:8000-8010,:443', ['80', '8000-8010', '443']],
  ['[::]:80', ['80']],
  [':::80', ['80']],
  ['ipv4@*:80', ['80']],
  ['ipv6@[::]:80', ['80']],
  ['tcp@web.example.com:80', ['80']],
  ['tcp6@:80', ['80']],
  ['mptcp4@:80', ['80']],
  ['stream+ipv4@:80', ['80']],
  ['$IP:80', ['80']],
  [':$PORT', []],
  ['/run/haproxy.sock', []],
  ['unix@/run/a:80', []],
  ['abns@x:80', []],
  ['fd@7', []],
  ['quic4@:443', []],
  ['udp@:514', []],
  ['', []],
])('portsOf() reads the TCP ports of %j', (address, ports) => {
  expect(shown(portsOf(address))).toEqual(ports);
});

test('boundPorts() finds all ports that a text listens on, with their section', () => {
  const text = [
    'global',
    '  stats socket /run/a.sock mode 600',
    '  stats socket ipv4@127.0.0.1:9999 level admin',
    'defaults',
    '  mode http',
    'peers mine',
    '\tbind :10000',
    '  peer a 10.0.0.1:10001',
    'frontend public from http # the first',
    '  # bind :1',
    '  bind 127.0.0.1:80,127.0.0.1:81 interface eth0',
    '  bind "[::]:80" v6only',
    'backend be_web',
    '  server a 10.0.0.1:2',
    ' listen stats',
    'bind :8404',
    'frontend public',
    '  bind :82-83',
    'log-forward in',
    '  bind :514',
  ].join('\n');
  expect(boundPorts(text).map((one) => [one.section, ...shown([one])])).toEqual([
    ['global', '9999'],
    ['peers mine', '10000'],
    ['peers mine', '10001'],
    ['frontend public', '80'],
    ['frontend public', '81'],
    ['frontend public', '80'],
    ['listen stats', '8404'],
    ['frontend public', '82-83'],
    ['log-forward in', '514'],
  ]);
  expect(new Set(boundPorts(text).map(({ at }) => at)).size).toBe(6);
});
