import { describe, expect, it } from 'vitest';
import type { OtherFiles } from '../../src/plan/other-files.ts';
import { describeReason } from '../../src/plan/plan.ts';
import { plan } from '../../src/plan/planner.ts';
import { runtimeLines } from '../../src/plan/runtime-lines.ts';

const SERVER = '  server a 10.0.0.1:80\n';

/** What comes of a second server in the backend that `head` begins. */
function add(head: string, otherFiles: OtherFiles): string[] {
  const before = `${head}\n${SERVER}`;
  const made = plan(before, `${before}  server b 10.0.0.2:80\n`, { version: '3.0', otherFiles });
  if (made.kind === 'reload') {
    return made.reasons.map((reason) => describeReason(reason));
  }
  return made.kind === 'runtime'
    ? made.commands.flatMap((command) => runtimeLines(command, { newServers: 'up' }))
    : [];
}
const files = (before: readonly string[], after: readonly string[] = []): OtherFiles => ({
  kind: 'read',
  before,
  after,
});

describe('plan() beside other files', () => {
  const base = 'defaults one\n  default-server maxconn 1\ndefaults two\n  default-server maxconn 2\n';

  it('merges the last defaults of the files before', () => {
    expect(add('backend x', files([base]))[0]).toBe('add server x/b 10.0.0.2:80 maxconn 2');
    expect(add('backend x', files([base, 'frontend f\n  bind :1\n']))[0]).toContain('maxconn 2');
    expect(add('backend x', files([base, 'defaults\n  default-server maxconn 3\n']))[0]).toContain(
      'maxconn 3',
    );
  });
  it('merges the defaults that a backend names, and those that these are made from', () => {
    expect(add('backend x from one', files([base]))[0]).toContain('maxconn 1');
    const more = 'defaults three from one\n  default-server check\n';
    expect(add('backend x from three', files([base, more]))[0]).toBe(
      'add server x/b 10.0.0.2:80 maxconn 1 check',
    );
    expect(add('backend x from three', files([base, more]))).toContain('enable health x/b');
  });
  it('takes its own defaults before those of other files, and none of the files after', () => {
    const own = 'defaults two\n  default-server maxconn 9\nbackend x';
    expect(add(own, files([base]))[0]).toContain('maxconn 9');
    expect(add('backend x', files([], [base]))[0]).toBe('add server x/b 10.0.0.2:80');
  });
  it('goes by their balance, and reloads where they are not clear', () => {
    expect(add('backend x', files(['defaults\n  balance source\n'])).join()).toContain('source');
    expect(add('backend x', files(['defaults\n  balance "$B"\n'])).join()).toContain(
      'its defaults are not clear',
    );
    expect(add('backend x from none', files([base])).join()).toContain('there are no defaults none');
  });
  it('sees servers that they name', () => {
    const text = `backend x\n${SERVER}`;
    const named = 'backend y\n  server s 10.0.0.3:80 track x/a\n';
    for (const otherFiles of [files([named]), files([], [named])]) {
      expect(plan(text, 'backend x\n', { version: '3.0', otherFiles }).kind).toBe('reload');
    }
    expect(plan(text, 'backend x\n', { version: '3.0' }).kind).toBe('runtime');
  });
  it('reloads and says why where they cannot be read', () => {
    expect(add('backend x', { kind: 'unread', why: 'nobody knows /x.cfg' })).toEqual(['nobody knows /x.cfg']);
  });
});
