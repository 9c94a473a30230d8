import { expect, test } from 'vitest';
import { plan } from '../../src/plan/planner.ts';
import { causeOfPlan, reloadCause } from '../../src/rollout/reload-cause.ts';

const BEFORE = `global
  maxconn 100
frontend public
  bind :80
  default_backend be_web
backend be_web
  balance roundrobin
  server one 10.0.0.1:80 maxconn 5
`;

/** What the texts differ in, in a word. */
function causeOf(change: (text: string) => string, version: string | null = '3.0.11') {
  const made = plan(BEFORE, change(BEFORE), { version });
  return made.kind === 'reload' ? causeOfPlan(made.reasons) : made.kind;
}

test.each([
  ['a line of global', 'settings', (text: string) => text.replace('maxconn 100', 'maxconn 101')],
  ['a section that is new', 'sections', (text: string) => `${text}backend be_new\n  server a 10.0.0.2:80\n`],
  ['a line of a frontend', 'frontends', (text: string) => text.replace('bind :80', 'bind :81')],
  ['a line of a backend', 'backends', (text: string) => text.replace('balance roundrobin', 'balance first')],
  ['a keyword of a server', 'servers', (text: string) => text.replace('maxconn 5', 'maxconn 6')],
])('%s is a reload over %s', (_, cause, change) => {
  expect(causeOf(change)).toBe(cause);
});

test('of several causes the one is told that comes first: the backend of a new service, and its line in the frontend', () => {
  const change = (text: string) =>
    `${text.replace('bind :80', 'bind :80\n  use_backend be_new if TRUE')}backend be_new\n  server a 10.0.0.2:80\n`;
  expect(causeOf(change)).toBe('sections');
});

test('a HAProxy that cannot change servers at all is a cause of its own', () => {
  const weight = (text: string) => text.replace('maxconn 5', 'maxconn 5 weight 7');
  expect(plan(BEFORE, weight(BEFORE), { version: '3.0.11' }).kind).toBe('runtime');
  expect(causeOf(weight, null)).toBe('runtime');
});

test('where there is no plan, the action says why', () => {
  const ours = { text: 't', hash: 'ab', isOurs: true };
  const worker = { kind: 'running', pid: 7, version: '3.0.11', mark: 'ab' } as const;
  const at = { haproxy: worker, installed: ours, ahead: null } as const;
  const unknown = (...reasons: string[]) => ({ ...at, way: { kind: 'unknown', reasons } }) as const;
  const planned = { ...at, way: { kind: 'reload', part: null, reasons: ['r'], cause: 'servers' } } as const;
  expect(reloadCause({ kind: 'reload' }, planned)).toBe('servers');
  expect(reloadCause({ kind: 'load' }, planned)).toBe('servers');
  expect(reloadCause({ kind: 'reload' }, unknown('it went otherwise than expected'))).toBe('runtime');
  expect(reloadCause({ kind: 'reload' }, unknown())).toBe('unplanned');
  const stranger = { ...unknown(), haproxy: { ...worker, mark: 'cd' } };
  expect(reloadCause({ kind: 'reload' }, stranger)).toBe('drift');
  expect(reloadCause({ kind: 'reload' }, { ...stranger, ahead: { text: 'u', hash: 'cd' } })).toBe(
    'unplanned',
  );
  expect(reloadCause({ kind: 'reload' }, { ...stranger, installed: null })).toBe('unplanned');
  expect(reloadCause({ kind: 'load' }, unknown())).toBe('drift');
  expect(reloadCause({ kind: 'mend' }, unknown())).toBe('drift');
  expect(reloadCause({ kind: 'runtime' }, planned)).toBeNull();
});
