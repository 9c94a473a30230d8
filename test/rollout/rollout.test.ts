import { describe, expect, test } from 'vitest';
import { SystemError } from '../../src/errors.ts';
import { hashText, withMark } from '../../src/plan/mark.ts';
import { Rollout } from '../../src/rollout/rollout.ts';
import { Stopwatch } from '../../src/rollout/stopwatch.ts';
import { FakeFile, FakeHaproxy, FakeJudge, recorder } from '../reconcile/fakes.ts';

async function setUp(installed: string | null = null) {
  const file = new FakeFile();
  file.text = installed;
  const [haproxy, judge, said] = [new FakeHaproxy(file), new FakeJudge(), recorder()];
  const rollout = new Rollout({ file, haproxy, judge, target: 'haproxy', emit: said.emit });
  await rollout.open();
  const roll = (text: string) => rollout.roll(text, new Stopwatch(), AbortSignal.abort());
  const need = async (text: string) => rollout.need(text, await haproxy.state());
  return { file, haproxy, judge, said, rollout, roll, need };
}

describe('Rollout', () => {
  test('publishes the text with its mark and counts it as applied when HAProxy says so', async () => {
    const { file, rollout, roll, need } = await setUp();
    expect(await need('a\n')).toMatchObject({ kind: 'publish' });
    expect(await roll('a\n')).toEqual({ kind: 'reloaded' });
    expect(file.text).toBe(withMark('a\n'));
    expect(file.kept).toEqual([withMark('a\n')]);
    expect(rollout.applied).toEqual({ kind: 'verified', hash: hashText('a\n') });
    expect(await need('a\n')).toEqual({ kind: 'nothing' });
  });

  test('needs nothing at a start where the file and HAProxy are right already', async () => {
    const { haproxy, need } = await setUp(withMark('a\n'));
    haproxy.mark = hashText('a\n');
    expect(await need('a\n')).toEqual({ kind: 'nothing' });
  });

  test('only loads where the file is right and HAProxy runs something else', async () => {
    const { haproxy, need } = await setUp(withMark('a\n'));
    haproxy.mark = hashText('b\n');
    expect(await need('a\n')).toMatchObject({ kind: 'load' });
    haproxy.mark = null;
    expect(await need('a\n')).toMatchObject({ kind: 'load' });
  });

  test('writes nothing where HAProxy refuses the text, and does not ask again at once', async () => {
    const { file, judge, rollout, roll, said } = await setUp(withMark('a\n'));
    judge.verdict = () => ({ kind: 'refused', output: '[ALERT] no', lines: [1] });
    expect(await roll('b\n')).toMatchObject({ kind: 'refused', retryInMs: 1000 });
    expect(file.writes).toBe(0);
    expect(said.events).toContainEqual(
      expect.objectContaining({ kind: 'check-refused', excerpt: ['1 | b'] }),
    );
    expect(rollout.shelvedFor('b\n')).toBeGreaterThan(0);
    expect(rollout.shelvedFor('c\n')).toBe(0);
    expect(await roll('b\n')).toMatchObject({ retryInMs: 2000 });
    judge.verdict = () => ({ kind: 'accepted', warnings: '' });
    expect(await roll('c\n')).toEqual({ kind: 'reloaded' });
    expect(rollout.shelvedFor('b\n')).toBe(0);
  });

  test('puts the last good file back where the reload fails, and keeps what is applied', async () => {
    const { file, haproxy, rollout, roll, said } = await setUp();
    await roll('a\n');
    haproxy.failNext = 'cannot bind';
    expect(await roll('b\n')).toMatchObject({ kind: 'failed', message: 'cannot bind' });
    expect(file.text).toBe(withMark('a\n'));
    expect(rollout.applied).toEqual({ kind: 'verified', hash: hashText('a\n') });
    expect(said.kinds()).toEqual(['published', 'published', 'reload-failed', 'rolled-back']);
  });

  test('leaves the file for a HAProxy that is away', async () => {
    const { file, haproxy, rollout, roll, need } = await setUp();
    haproxy.away = true;
    expect(await roll('a\n')).toEqual({ kind: 'published-waiting', cause: 'nobody listens' });
    expect(file.text).toBe(withMark('a\n'));
    expect(rollout.applied).toEqual({ kind: 'unknown' });
    expect(await need('a\n')).toMatchObject({ kind: 'load' });
  });

  test('tells of a disk that says no, and tries again later', async () => {
    const { file, roll, said } = await setUp();
    file.failure = new SystemError('writing /etc/haproxy/haproxy.cfg: no space left', { hint: 'Free some.' });
    expect(await roll('a\n')).toMatchObject({ kind: 'failed', retryInMs: 1000 });
    expect(said.kinds()).toEqual(['publish-failed']);
  });

  test('writes no mark and tells nobody where the file is all there is', async () => {
    const { file, haproxy, judge, said } = await setUp();
    const rollout = new Rollout({ file, haproxy, judge, target: 'file', emit: said.emit });
    await rollout.open();
    expect(await rollout.roll('a\n', new Stopwatch(), AbortSignal.abort())).toEqual({ kind: 'published' });
    expect(file.text).toBe('a\n');
    expect(haproxy.reloads).toBe(0);
    expect(rollout.need('a\n', { kind: 'away', cause: '' })).toEqual({ kind: 'nothing' });
  });
});
