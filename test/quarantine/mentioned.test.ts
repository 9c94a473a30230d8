import { expect, test } from 'vitest';
import { mentioned } from '../../src/quarantine/mentioned.ts';

const goal = (kind: 'instances' | 'route' | 'key', name: string) => ({
  unit: { id: `${kind} ${name}`, kind, name },
  step: { kind: 'goal' as const },
});
const one = (service: string, id: string) => ({
  unit: { id: `instances of ${service}`, kind: 'instances' as const, name: service },
  step: { kind: 'one' as const, key: `/services/${service}/${id}` },
});
const WEB = goal('instances', 'web');
const SHOP = goal('route', 'web-shop');
const KEY = goal('key', '/haproxy/limit');
const [FIRST, SECOND] = [one('api', 'i-1'), one('api', 'i-2')];
const ALL = [WEB, SHOP, KEY, FIRST, SECOND];

test('mentioned() takes the longest name that a line has, and gives other names behind it', () => {
  expect(mentioned(['backend be_web-shop from http'], ALL)).toEqual([SHOP, WEB]);
});

test('mentioned() knows an instance of a new service by its own name in the section of the service', () => {
  expect(mentioned(['backend be_api from http\nserver i-2 10.0.0.1:1'], ALL)[0]).toBe(SECOND);
  expect(mentioned(['meta of /services/api/i-1, field x, holds a line break'], ALL)[0]).toBe(FIRST);
});

test('mentioned() begins with the first of each text, and is silent where nobody is named', () => {
  const texts = ['the value of "/haproxy/limit" holds a line break', 'use_backend be_web-shop if x'];
  expect(mentioned(texts, ALL)).toEqual([KEY, SHOP, WEB]);
  expect(mentioned(['timeout client 1s'], ALL)).toEqual([]);
});
