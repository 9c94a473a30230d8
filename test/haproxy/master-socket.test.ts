import { expect, test } from 'vitest';
import { parseLoading, parseProc, parseReload } from '../../src/haproxy/master-socket.ts';
import { parseMark } from '../../src/haproxy/runtime-session.ts';

const HEAD = '#<PID>          <type>          <reloads>       <uptime>        <version>      \n';
const MASTER = '6483            master          4 [failed: 1]   0d00h00m33s     2.6.12-1+deb12u4\n';

test('parseProc() reads master, worker and old workers', () => {
  const text = `${HEAD}6483            master          6 [failed: 0]   0d00h00m37s     3.0.11-1+deb13u5
# workers
8173            worker          0               0d00h00m00s     3.0.11-1+deb13u5
# old workers
8084            worker          2               0d00h00m02s     3.0.11-1+deb13u5
8100            worker          1               0d00h00m02s     3.0.11-1+deb13u5
# programs

`;
  const version = '3.0.11-1+deb13u5';
  expect(parseProc(text)).toEqual({
    master: 6483,
    version,
    reloads: 6,
    failed: 0,
    worker: { pid: 8173, reloads: 0, version },
    oldWorkers: [
      { pid: 8100, reloads: 1, version },
      { pid: 8084, reloads: 2, version },
    ],
  });
});

test('parseProc() takes the survivor of a failed reload for the worker, wherever the version lists it', () => {
  const line = '7616            worker          1               0d00h00m05s     2.6.12-1+deb12u4\n';
  const older = parseProc(`${HEAD}${MASTER}# workers\n${line}# programs\n\n`);
  const newer = parseProc(`${HEAD}${MASTER}# workers\n# old workers\n${line}# programs\n\n`);
  expect(older).toMatchObject({ reloads: 4, failed: 1, worker: { pid: 7616, reloads: 1 }, oldWorkers: [] });
  expect(newer).toEqual(older);
});

test('parseProc() knows a master without a worker, and what is no such answer', () => {
  expect(parseProc(`${HEAD}${MASTER}# workers\n# programs\n\n`)).toMatchObject({ worker: null });
  expect(parseProc("Unknown command: 'show proc'\n")).toBeNull();
  expect(parseProc('')).toBeNull();
});

test('parseReload() reads success, failure and silence', () => {
  expect(parseReload('Success=1\n--\n[NOTICE] (1) : Loading success.\n\n')).toEqual({
    kind: 'success',
    log: '[NOTICE] (1) : Loading success.',
  });
  expect(parseReload('Success=0\n--\n[ALERT] no\n\n')).toEqual({ kind: 'failure', log: '[ALERT] no' });
  expect(parseReload('Success=0\n')).toEqual({ kind: 'failure', log: '' });
  expect(parseReload('')).toEqual({ kind: 'silent' });
});

test('parseReload() takes a reload that is under way for no verdict on the text', () => {
  const said = 'Another reload is still in progress.';
  expect(parseReload(`Success=0\n--\n${said}\n\n`)).toEqual({ kind: 'busy', log: said });
});

test('parseLoading() knows a worker that has begun to load from one that is done, and from one of another load', () => {
  const begun =
    '[NOTICE]   (31333) : Initializing new worker (31337)\n[NOTICE] (31337) : path to executable is x\n';
  expect(parseLoading(begun, 31337)).toBe(true);
  expect(parseLoading(begun, 3133)).toBe(false);
  expect(parseLoading(`${begun}[NOTICE]   (31333) : Loading success.\n`, 31337)).toBe(false);
  expect(parseLoading('[NOTICE]   (31333) : Loading success.\n', 31337)).toBe(false);
});

test('parseMark() reads the variable, and null where it is not set', () => {
  expect(parseMark('proc.pointsman_mark: type=str value=<0123456789abcdef>\n\n')).toBe('0123456789abcdef');
  expect(parseMark('Variable not found.\n\n')).toBeNull();
  expect(parseMark('proc.pointsman_mark: type=str value=<>\n')).toBeNull();
  expect(parseMark("Can't find the target PID matching the prefix '@!7'\n")).toBeNull();
});
