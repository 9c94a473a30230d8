import { expect, test } from 'vitest';
import { describeReasons } from '../../src/plan/plan.ts';
import { plan } from '../../src/plan/planner.ts';
import { MOST_REASONS } from '../../src/plan/reasons.ts';

const frontend = (lines: readonly string[]) =>
  `frontend public\n${lines.map((line) => `  ${line}\n`).join('')}`;
const many = (count: number) =>
  Array.from({ length: count }, (_, at) => `use_backend be_${at} if { path /${at} }`);

function reasonsOf(before: string, after: string) {
  const made = plan(before, after, { version: '3.0.11' });
  if (made.kind !== 'reload') {
    throw new Error(`it is ${made.kind}`);
  }
  return made;
}

test('a change of 300,000 lines is a reload like any other, with 20 reasons and a count', () => {
  const made = reasonsOf(frontend(['bind :80']), frontend(['bind :80', ...many(300_000)]));
  expect(made.reasons).toHaveLength(MOST_REASONS);
  expect(made.more).toBe(300_000 - MOST_REASONS);
  expect(describeReasons(made).at(-1)).toBe('and 299980 more');
  expect(describeReasons(made)).toHaveLength(MOST_REASONS + 1);
});

test('so are 300,000 lines that go, 150,000 servers that cannot come at run time, and 150,000 sections', () => {
  const gone = reasonsOf(frontend(['bind :80', ...many(300_000)]), frontend(['bind :80']));
  expect(gone).toMatchObject({ more: 300_000 - MOST_REASONS });
  const all = Array.from({ length: 150_000 }, (_, at) => at);
  const servers = all.map((at) => `  server s${at} 10.0.0.1:80 namespace n\n`).join('');
  const arrived = reasonsOf(
    'backend be_a\n  balance roundrobin\n',
    `backend be_a\n  balance roundrobin\n${servers}`,
  );
  expect(arrived.reasons.length + arrived.more).toBeGreaterThanOrEqual(150_000);
  expect(arrived.reasons).toHaveLength(MOST_REASONS);
  const sections = all.map((at) => `backend be_${at}\n  server a 10.0.0.1:80\n`).join('');
  expect(reasonsOf('global\n', `global\n${sections}`)).toMatchObject({ more: 150_000 - MOST_REASONS });
}, 60_000);

test('lists 20 reasons whole, and a reason shows no more of a long line than its beginning', () => {
  const twenty = reasonsOf(frontend([]), frontend(many(20)));
  expect(describeReasons(twenty)).toHaveLength(20);
  const long = reasonsOf(frontend([]), frontend([`acl ${'x'.repeat(10_000)} path /`]));
  expect(describeReasons(long).join('').length).toBeLessThan(300);
});
