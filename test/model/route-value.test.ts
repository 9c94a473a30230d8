import { describe, expect, test } from 'vitest';
import { parseRoute } from '../../src/model/route-value.ts';

describe('parseRoute()', () => {
  test('reads every field, and puts what it does not know into meta', () => {
    const value = {
      hosts: ['Shop.Example.com:443', '*.shop.example.com.', 'shop.example.com'],
      paths: ['/api/', '/v2'],
      port: '8081',
      expose: false,
      balance: 'leastconn',
      check: { path: '/healthz?deep=1', interval: '1s', rise: 1, fall: 2, status: 200 },
      timeouts: { server: '30s', connect: 500 },
      team: 'blue',
    };
    expect(parseRoute(JSON.stringify(value))).toEqual({
      kind: 'good',
      unknown: ['team'],
      value: {
        mode: 'http',
        hosts: ['shop.example.com', '*.shop.example.com'],
        paths: ['/api', '/v2'],
        port: 8081,
        expose: false,
        balance: 'leastconn',
        check: { path: '/healthz?deep=1', interval: '1s', rise: 1, fall: 2, status: '200' },
        timeouts: { connect: '500ms', server: '30s' },
        meta: { team: 'blue' },
      },
    });
  });

  test.each([
    ['', 'does not parse'],
    ['"x"', 'expected a JSON object, found a string'],
    ['{"mode":"udp"}', 'mode must be one of http, tcp; found "udp"'],
    ['{"mode":"tcp"}', 'needs a port'],
    ['{"check":{"status":"200,399-200"}}', 'the range "399-200": write the lower one first'],
    ['{"check":{"interval":"25d"}}', 'check.interval must be from 1ms to 24d, found "25d"'],
    ['{"timeouts":{"server":"999us"}}', 'timeouts.server must be from 1ms to 24d, found "999us"'],
    ['{"mode":"tcp","port":1,"hosts":["a"]}', 'neither hosts nor paths'],
    ['{"hosts":["a b"]}', 'a host must be a name'],
    ['{"hosts":["*"]}', 'a host must be a name'],
    ['{"hosts":["a.*"]}', 'a host must be a name'],
    ['{"hosts":"a","paths":["api"]}', 'a path must be a prefix'],
    ['{"paths":["/a b"]}', 'a path must be a prefix'],
    ['{"paths":["/a/../b"]}', 'a path holds no'],
    ['{"balance":"hdr(x)"}', 'balance must be one of'],
    ['{"check":{"uri":"/"}}', 'a field of check must be one of'],
    ['{"check":{"status":"2xx"}}', 'check.status must be'],
    ['{"check":{"interval":"1s inter 2"}}', 'check.interval must be a duration'],
    ['{"timeouts":{"client-fin":"1s"}}', 'a name in timeouts must be one of'],
    ['{"timeouts":{"server":"soon"}}', 'timeouts.server must be a duration'],
    ['{"port":70000}', 'port must be a whole number'],
  ])('refuses %s', (value, reason) => {
    expect(parseRoute(value)).toEqual({ kind: 'bad', reason: expect.stringContaining(reason) });
  });
});
