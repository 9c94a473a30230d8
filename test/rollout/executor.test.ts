import { describe, expect, test } from 'vitest';
import { SystemError } from '../../src/errors.ts';
import { hashText, withMark } from '../../src/plan/mark.ts';
import { NO_OTHER_FILES } from '../../src/plan/other-files.ts';
import { clock } from '../../src/ports/clock.ts';
import { Mailbox } from '../../src/reconcile/mailbox.ts';
import { BesideWorkers } from '../../src/rollout/beside-workers.ts';
import { setOf, withAnswer } from '../../src/rollout/current.ts';
import { type Action, decide } from '../../src/rollout/decide.ts';
import { Executor } from '../../src/rollout/executor.ts';
import { gather, type Look } from '../../src/rollout/gather.ts';
import { Stopwatch } from '../../src/rollout/stopwatch.ts';
import { FakeFile, FakeHaproxy, FakeJudge, recorder } from '../reconcile/fakes.ts';
import { waitFor } from '../support/haproxy.ts';

const NOTHING = { kind: 'nothing', missing: '' } as const;

async function setUp(installed: string | null = null, target: 'haproxy' | 'file' = 'haproxy') {
  const file = new FakeFile();
  file.text = installed;
  const [haproxy, judge, said] = [new FakeHaproxy(file), new FakeJudge(), recorder()];
  const mailbox = new Mailbox();
  const executor = new Executor({
    file,
    haproxy,
    judge,
    target,
    mailbox,
    onRecorded: () => {},
    emit: said.emit,
  });
  await executor.open();
  const { current, troubles } = executor;
  const at = { watch: new Stopwatch(), signal: new AbortController().signal };
  const roll = (text: string) =>
    executor.carryOut({ kind: target === 'file' ? 'publish' : 'reload', set: setOf(text), reasons: [] }, at);
  const drawing = { runsOn: () => false, loadedBeside: () => false, draw: async () => NOTHING };
  const need = async (text: string): Promise<Action> => {
    const look: Look = {
      ...{ ...at, hold: null, judged: false, retryMs: 0, noRuntime: null },
      drawn: { kind: 'set', set: setOf(text) },
    };
    const pace = { reloadDue: () => 0, workersMs: () => 0 };
    const sources = {
      executor,
      haproxy,
      drawing,
      beside: new BesideWorkers(),
      served: { hasTree: true, toDraw: () => NOTHING },
      pace,
    };
    return decide(await gather(sources, look));
  };
  const applied = () => current.now.applied;
  return { executor, file, haproxy, judge, said, troubles, applied, roll, need };
}

describe('Executor', () => {
  test('publishes the text with its mark and counts it as applied when HAProxy says so', async () => {
    const { file, applied, roll, need } = await setUp();
    expect(await need('a\n')).toMatchObject({ kind: 'reload' });
    expect(await roll('a\n')).toMatchObject({ kind: 'over', outcome: 'reloaded' });
    expect(file.text).toBe(withMark('a\n'));
    expect(file.kept).toEqual([withMark('a\n')]);
    expect(applied()).toEqual({ kind: 'verified', hash: hashText('a\n') });
    expect(await need('a\n')).toMatchObject({ kind: 'nothing', isGood: true });
  });

  test('needs nothing at a start where the file and HAProxy are right already', async () => {
    const { haproxy, need } = await setUp(withMark('a\n'));
    haproxy.mark = hashText('a\n');
    expect(await need('a\n')).toMatchObject({ kind: 'nothing', isGood: true });
  });

  test('only loads where the file is right and HAProxy runs something else', async () => {
    const { haproxy, need } = await setUp(withMark('a\n'));
    haproxy.mark = hashText('b\n');
    expect(await need('a\n')).toMatchObject({ kind: 'load' });
    haproxy.mark = null;
    expect(await need('a\n')).toMatchObject({ kind: 'load' });
  });

  test('writes nothing where HAProxy refuses the text, and does not ask again at once', async () => {
    const { file, judge, troubles, roll, said } = await setUp(withMark('a\n'));
    judge.verdict = () => ({ kind: 'refused', output: '[ALERT] no', lines: [1] });
    expect(await roll('b\n')).toEqual({ kind: 'again' });
    expect(troubles.of(hashText('b\n'))).toMatchObject({ kind: 'refused', output: '[ALERT] no' });
    expect(file.writes).toBe(0);
    expect(said.events).toContainEqual(
      expect.objectContaining({ kind: 'check-refused', excerpt: ['1 | b'] }),
    );
    expect(troubles.waitOf(hashText('b\n'))).toBeGreaterThan(0);
    expect(troubles.waitOf(hashText('b\n'))).toBeLessThanOrEqual(1000);
    expect(troubles.waitOf(hashText('c\n'))).toBe(0);
    expect(await roll('b\n')).toEqual({ kind: 'again' });
    expect(troubles.waitOf(hashText('b\n'))).toBeGreaterThan(1000);
    judge.verdict = () => ({ kind: 'accepted', warnings: '' });
    expect(await roll('c\n')).toMatchObject({ kind: 'over', outcome: 'reloaded' });
    expect(troubles.waitOf(hashText('b\n'))).toBe(0);
  });

  test('puts the last good file back where the reload fails, and keeps what is applied', async () => {
    const { file, haproxy, troubles, applied, roll, said } = await setUp();
    await roll('a\n');
    haproxy.failNext = 'cannot bind';
    expect(await roll('b\n')).toEqual({ kind: 'again' });
    expect(troubles.of(hashText('b\n'))).toMatchObject({ kind: 'failed', message: 'cannot bind' });
    expect(file.text).toBe(withMark('a\n'));
    expect(applied()).toEqual({ kind: 'verified', hash: hashText('a\n') });
    expect(said.kinds()).toEqual(['published', 'published', 'reload-failed', 'rolled-back']);
  });

  test('leaves the file for a HAProxy that is away', async () => {
    const { file, haproxy, applied, roll, need } = await setUp();
    haproxy.away = true;
    expect(await roll('a\n')).toMatchObject({ outcome: 'published-waiting', error: 'nobody listens' });
    expect(file.text).toBe(withMark('a\n'));
    expect(applied()).toEqual({ kind: 'unknown' });
    expect(await need('a\n')).toMatchObject({ kind: 'load' });
  });

  test('tells of a disk that says no, and tries again later', async () => {
    const { file, troubles, roll, said } = await setUp();
    file.failure = new SystemError('writing /etc/haproxy/haproxy.cfg: no space left', { hint: 'Free some.' });
    expect(await roll('a\n')).toEqual({ kind: 'again' });
    expect(troubles.of(hashText('a\n'))).toMatchObject({ kind: 'failed' });
    expect(said.events).toMatchObject([{ kind: 'publish-failed', retryInMs: 1000 }]);
    expect(said.kinds()).toEqual(['publish-failed']);
  });

  test('writes no mark and tells nobody where the file is all there is', async () => {
    const { file, haproxy, roll, need } = await setUp(null, 'file');
    expect(await roll('a\n')).toMatchObject({ outcome: 'published' });
    expect(file.text).toBe('a\n');
    expect(haproxy.reloads).toBe(0);
    haproxy.away = true;
    expect(await need('a\n')).toMatchObject({ kind: 'nothing', isGood: true });
  });

  test('lets one at a time write the file or tell HAProxy something; a check is beside that', async () => {
    const file = new FakeFile();
    const [haproxy, judge, said] = [new FakeHaproxy(file), new FakeJudge(), recorder()];
    let [writers, most, checks] = [0, 0, 0];
    const alone = async <T>(work: () => Promise<T>): Promise<T> => {
      most = Math.max(most, ++writers);
      await clock.breathe();
      return work().finally(() => writers--);
    };
    const { publish, reload, check } = { publish: file.publish, reload: haproxy.reload, check: judge.check };
    file.publish = (text) => alone(() => publish.call(file, text));
    haproxy.reload = (mark) => alone(() => reload.call(haproxy, mark));
    let go: () => void = () => {};
    judge.check = async (text) => {
      checks++;
      await new Promise<void>((resolve) => {
        go = resolve;
      });
      return check.call(judge, text);
    };
    const runtime = {
      usable: async () => ({ kind: 'yes', version: '3.0.11', otherFiles: NO_OTHER_FILES }) as const,
      apply: ({ mark }: { mark: string }) =>
        alone(async () => {
          haproxy.mark = mark;
          return { kind: 'applied', pid: 100, commands: 0, lingering: 0 } as const;
        }),
    };
    const executor = new Executor({
      ...{ file, haproxy, judge, target: 'haproxy', mailbox: new Mailbox(), emit: said.emit },
      onRecorded: () => {},
      runtime: { runtime, newServers: 'up', drain: 0 },
    });
    await executor.open();
    const at = { watch: new Stopwatch(), signal: new AbortController().signal };
    const answer = async () => {
      const state = await haproxy.state();
      executor.current.replace((now) => withAnswer(now, state));
    };
    const run = (text: string) =>
      executor.carryOut({ kind: 'runtime', how: 'whole', set: setOf(text), commands: [], reasons: [] }, at);
    await answer();
    const first = executor.carryOut({ kind: 'reload', set: setOf('a\n'), reasons: [] }, at);
    await waitFor(() => checks === 1);
    go();
    await first;
    await answer();
    // The check of b does not end: c goes out all the same.
    await run('b\n');
    await waitFor(() => checks === 2);
    expect(await run('c\n')).toMatchObject({ outcome: 'runtime' });
    expect([haproxy.mark, file.text]).toEqual([hashText('c\n'), withMark('a\n')]);
    const finish = go;
    const changes = [run('d\n'), executor.carryOut({ kind: 'putBack', reasons: [] }, at)];
    finish();
    await Promise.all(changes);
    await waitFor(() => checks === 3, { timeout: 5000 });
    go();
    await executor.catchUp.idle();
    expect(file.text).toBe(withMark('d\n'));
    expect(most).toBe(1);
  });

  test('says why servers could not be changed back, so that the pass goes another way', async () => {
    const { executor } = await setUp(withMark('a\n'));
    const at = { watch: new Stopwatch(), signal: new AbortController().signal };
    const action: Action = { kind: 'takeBack', set: setOf('a\n'), commands: [], reasons: [] };
    expect(await executor.carryOut(action, at)).toMatchObject({ kind: 'again', why: expect.any(String) });
  });

  test('waits before it has what is installed loaded again, also where HAProxy went away meanwhile', async () => {
    const { executor, haproxy, troubles } = await setUp(withMark('a\n'));
    const at = { watch: new Stopwatch(), signal: new AbortController().signal };
    haproxy.away = true;
    await executor.carryOut({ kind: 'mend', set: setOf('a\n'), reasons: [] }, at);
    expect(troubles.waitOf(hashText('a\n'))).toBeGreaterThan(0);
  });
});
